"""Cuts Inter (npm inter-ui 4.1.1) down to the characters that plots use. Needs fonttools, brotli."""
from fontTools.ttLib import TTFont
from fontTools import subset
import sys, os
want = set(range(0x20,0x7f))|set(range(0xa0,0x180))|{0x2010,0x2011,0x2012,0x2013,0x2014,0x2018,0x2019,0x201c,0x201d,0x2020,0x2021,0x2022,0x2026,0x2030,0x2032,0x20ac,0x2122,0x2190,0x2191,0x2192,0x2193,0x2212,0x2215,0x2248,0x2264,0x2265,0x2192,0xfffd,0x3b1,0x3b2,0x394,0x3a3}
for name in ('Regular','SemiBold'):
    t=TTFont(f'ui/package/web/Inter-{name}.woff2'); t.flavor=None
    missing=[hex(c) for c in sorted(want-set(t.getBestCmap()))]
    o=subset.Options(); o.hinting=False; o.layout_features=[]; o.notdef_outline=True; o.drop_tables+=['GSUB','GPOS','GDEF','STAT','meta','DSIG']; o.name_IDs=[0,1,2,3,4,5,6,13,14]
    s=subset.Subsetter(o); s.populate(unicodes=want); s.subset(t)
    p=f'Inter-{name}.ttf'; t.save(p); print(p, os.path.getsize(p), len(t.getGlyphOrder()), missing)
