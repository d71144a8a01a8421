"""Cuts the plots' fonts down to the characters that plots write. Needs fonttools and brotli.

Inter (npm inter-ui 4.1.1, unpacked in ui/) for Latin type, and Pretendard (npm pretendard 1.3.9, unpacked in
kr/) for Korean: the 2,350 syllables of KS X 1001, single letters and Korean punctuation. Pretendard reserves
its name, so the part of it is called Plots Hangul.
"""
from fontTools.ttLib import TTFont
from fontTools import subset
import os

LATIN = set(range(0x20,0x7f))|set(range(0xa0,0x180))|{0x2010,0x2011,0x2012,0x2013,0x2014,0x2018,0x2019,0x201c,0x201d,0x2020,0x2021,0x2022,0x2026,0x2030,0x2032,0x20ac,0x2122,0x2190,0x2191,0x2192,0x2193,0x2212,0x2215,0x2248,0x2264,0x2265,0x2192,0xfffd,0x3b1,0x3b2,0x394,0x3a3}

def syllables():
    for high in range(0xb0, 0xc9):
        for low in range(0xa1, 0xff):
            yield ord(bytes([high, low]).decode('euc_kr'))

KOREAN = set(syllables())|set(range(0x3131,0x3164))|{0x3001,0x3002,0x300a,0x300b,0x300c,0x300d,0x300e,0x300f}

def cut(source, want, out, name=None, family=None):
    t = TTFont(source); t.flavor = None
    missing = [hex(c) for c in sorted(want - set(t.getBestCmap()))]
    o = subset.Options(); o.hinting = False; o.layout_features = []; o.notdef_outline = True; o.glyph_names = False
    o.drop_tables += ['GSUB','GPOS','GDEF','STAT','meta','DSIG','BASE','VORG','vhea','vmtx']; o.name_IDs = [0,1,2,3,4,5,6,13,14]
    s = subset.Subsetter(o); s.populate(unicodes=want); s.subset(t)
    for n in t['name'].names:
        if family and n.nameID == 1: n.string = family
    if name:
        for n in t['name'].names:
            if n.nameID in (1, 3, 4): n.string = name
            if n.nameID == 6: n.string = name.replace(' ', '')
        if 'CFF ' in t:
            cff = t['CFF '].cff; cff.fontNames[0] = name.replace(' ', '')
            top = cff.topDictIndex[0]; top.FullName = top.FamilyName = name
    t.save(out); print(out, os.path.getsize(out), len(t.getGlyphOrder()), missing)

if __name__ == '__main__':
    for weight in ('Regular', 'SemiBold'):
        if os.path.isdir('ui'):
            # One family of two weights: what draws asks for semi-bold Inter, not for Inter SemiBold.
            cut(f'ui/package/web/Inter-{weight}.woff2', LATIN, f'Inter-{weight}.ttf', family='Inter')
    cut('kr/package/dist/public/static/Pretendard-Regular.otf', KOREAN, 'PlotsHangul-Regular.otf', 'Plots Hangul')
