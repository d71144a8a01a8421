//! Identities that hold for one sample and layer, whatever was attended to (DESIGN, section 4).
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use shared::measure::{aei_text_of, token_shares_of};
use shared::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// Sums over heads, rows and keys: from next to nothing to a long prompt's worth.
fn attention() -> impl Strategy<Value = Attention> {
    let mass = || (-9.0f64..4.0).prop_map(|e| 10f64.powf(e));
    (mass(), mass(), 1u32..5000, 1u32..5000).prop_map(|(text, image, text_tokens, image_tokens)| {
        Attention { text, image, text_tokens, image_tokens }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn mdi_is_the_quotient_of_the_two_aei(a in attention()) {
        let m = a.measure();
        prop_assert!(close(m.mdi.unwrap(), m.aei_text.unwrap() / m.aei_image.unwrap()));
    }

    #[test]
    fn the_two_aei_weighted_by_tokens_sum_to_one(a in attention()) {
        let m = a.measure();
        let q = m.share_tokens_text.unwrap();
        prop_assert!(close(q * m.aei_text.unwrap() + (1.0 - q) * m.aei_image.unwrap(), 1.0));
        prop_assert!(m.identity_residual().unwrap() < 1e-12);
    }

    #[test]
    fn aei_follows_from_mdi_and_the_tokens(a in attention()) {
        let m = a.measure();
        let follows = aei_text_of(m.mdi.unwrap(), m.share_tokens_text.unwrap());
        prop_assert!(close(m.aei_text.unwrap(), follows));
        prop_assert!(close(m.aei_text.unwrap() * m.share_tokens_text.unwrap(), m.share_text.unwrap()));
    }

    #[test]
    fn aei_lies_between_one_and_mdi(a in attention()) {
        let m = a.measure();
        let (mdi, aei) = (m.mdi.unwrap(), m.aei_text.unwrap());
        let slack = 1e-9 * mdi.max(1.0);
        prop_assert!(aei >= mdi.min(1.0) - slack && aei <= mdi.max(1.0) + slack, "{aei}, {mdi}");
        prop_assert!(aei <= 1.0 / m.share_tokens_text.unwrap() + slack);
    }

    #[test]
    fn uniform_attention_gives_one(text in 1u32..5000, image in 1u32..5000, each in 1e-9f64..10.0) {
        let m = Attention {
            text: each * f64::from(text),
            image: each * f64::from(image),
            text_tokens: text,
            image_tokens: image,
        }
        .measure();
        for value in [m.mdi, m.aei_text, m.aei_image] {
            prop_assert!(close(value.unwrap(), 1.0));
        }
    }

    #[test]
    fn the_scale_of_attention_does_not_matter(a in attention(), by in 1e-3f64..1e3) {
        let scaled = Attention { text: a.text * by, image: a.image * by, ..a };
        prop_assert!(close(a.mdi().unwrap(), scaled.mdi().unwrap()));
        prop_assert!(close(a.measure().aei_text.unwrap(), scaled.measure().aei_text.unwrap()));
    }

    #[test]
    fn the_tokens_are_found_again_from_printed_values(
        mdi in prop_oneof![0.05f64..0.95, 1.05f64..50.0],
        q in 0.02f64..0.98,
    ) {
        // Printed exactly: the one possible share. Printed to two digits: an interval around it.
        let aei = aei_text_of(mdi, q);
        let (low, high) = token_shares_of(mdi, aei, 0.0).unwrap();
        prop_assert!((low - q).abs() < 1e-6 && (high - q).abs() < 1e-6, "{low} {q} {high}");
        let two = |v: f64| (v * 100.0).round() / 100.0;
        let (low, high) = token_shares_of(two(mdi), two(aei), 0.005).unwrap();
        prop_assert!(low - 1e-9 <= q && q <= high + 1e-9, "{low} {q} {high}");
    }

    #[test]
    fn an_aei_beyond_its_mdi_is_impossible(mdi in 1.1f64..200.0, beyond in 0.02f64..50.0) {
        prop_assert_eq!(token_shares_of(mdi, mdi + beyond, 0.005), None);
        prop_assert_eq!(token_shares_of(mdi, 0.98, 0.005), None);
    }

    #[test]
    fn no_value_is_ever_made_up(
        text in prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::INFINITY), 0.0f64..1.0],
        image in prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::INFINITY), 0.0f64..1.0],
        text_tokens in 0u32..3,
        image_tokens in 0u32..3,
    ) {
        let m = Attention { text, image, text_tokens, image_tokens }.measure();
        for value in [m.mdi, m.aei_text, m.aei_image, m.share_text, m.share_tokens_text] {
            prop_assert!(value.is_err() || value.unwrap().is_finite(), "{value:?}");
        }
        if image_tokens == 0 {
            prop_assert_eq!(m.mdi, Err(Undefined::NoImageTokens));
        } else if text_tokens == 0 {
            prop_assert_eq!(m.mdi, Err(Undefined::NoTextTokens));
        }
    }
}
