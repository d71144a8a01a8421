//! The shipped run's drawings: the same bytes everywhere, and pictures that can be made of them.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

mod drawn;

#[test]
fn drawings_are_the_same_bytes_on_every_machine() {
    assert_eq!(drawn::run(), Ok(32));
}

#[test]
fn drawings_are_whole_and_say_where_they_come_from() {
    for (name, file) in drawn::documents(Some("data:image/png;base64,AA==")) {
        assert!(file.svg.starts_with("<svg") && file.svg.trim_end().ends_with("</svg>"), "{name}");
        for needed in ["<metadata id=\"langoverrule\">", "/r/sample", "demo-llava", "Inter"] {
            assert!(file.svg.contains(needed), "{name} has no {needed}");
        }
        assert!(!file.svg.contains("<b>") && !file.svg.contains("NaN"), "{name}");
        if name.ends_with("running") {
            assert!(file.svg.contains("the run did not finish"), "{name}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&file.told).is_ok());
    }
}

/// A text of a document: where it begins, its size, its anchor, itself.
#[test]
fn the_texts_of_a_card_lie_on_it_and_long_ones_end_in_an_ellipsis() {
    for (name, file) in drawn::documents(None).iter().filter(|(name, _)| name.starts_with("card")) {
        let (own, _) = file.svg.split_once("<svg x=").unwrap();
        let attribute = |tag: &str, name: &str| {
            let value = tag.split_once(&format!(" {name}=\"")).unwrap().1;
            value.split_once('"').unwrap().0.to_owned()
        };
        for text in own.split("<text").skip(1) {
            let (tag, rest) = text.split_once('>').unwrap();
            let written =
                rest.split_once("</text>").unwrap().0.replace("&lt;", "<").replace("&amp;", "&");
            let (x, size): (f64, f64) = (
                attribute(tag, "x").parse().unwrap(),
                attribute(tag, "font-size").parse().unwrap(),
            );
            let bold = attribute(tag, "font-weight") == "600";
            let end = x + plots::text::width(&written, bold) * size;
            assert!(end <= plots::card::SIZE.0 - 40.0, "{name}: {written} ends at {end}");
        }
        let cut = name.ends_with("korean") || name.ends_with("english");
        assert!(!cut || own.contains('…'), "{name}");
    }
}

#[cfg(feature = "png")]
mod pictures {
    use super::drawn;
    use plots::raster;

    /// Writes every picture where one can look at them:
    /// `LOOK=DIR cargo test -p plots --features png --test shipped`.
    #[test]
    fn pictures_have_their_size_and_letters() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../models/demo-llava/samples/run.prepared.png"
        );
        let picture = format!("data:image/png;base64,{}", base64(&std::fs::read(path).unwrap()));
        for (name, file) in drawn::documents(Some(&picture)) {
            let card = name.starts_with("card");
            let sharpness = if card { 1.0 } else { raster::SHARPNESS };
            let pixels = raster::pixels(&file.svg, sharpness).unwrap();
            let wide = if card { 1200 } else { 1920 };
            assert_eq!(pixels.width(), wide, "{name}");
            if card {
                assert_eq!(pixels.height(), 630);
            }
            let png = raster::png(&file.svg, sharpness, &file.title, &file.told).unwrap();
            assert!(png.len() > 10_000, "{name} is all but empty");
            if let Ok(folder) = std::env::var("LOOK") {
                std::fs::write(format!("{folder}/{name}.png"), png).unwrap();
                std::fs::write(format!("{folder}/{name}.svg"), &file.svg).unwrap();
            }
        }
        assert_eq!(raster::pixels("no drawing", 1.0).err(), Some(raster::NoPicture::NoDrawing));
        let large = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"90000\" height=\"90000\"/>";
        assert_eq!(raster::pixels(large, 1.0).err(), Some(raster::NoPicture::TooLarge));
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut out = String::new();
        for group in bytes.chunks(3) {
            let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
            let all = byte(0) << 16 | byte(1) << 8 | byte(2);
            for i in 0..4 {
                let digit = DIGITS[(all >> (18 - 6 * i)) as usize & 63];
                out.push(if i <= group.len() { char::from(digit) } else { '=' });
            }
        }
        out
    }
}
