//! Sizes of published models, and of the bench's peer, for runs on random weights.

use crate::family::FAMILIES;

/// Names that [`crate::Model::random`] knows.
pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().flat_map(|family| family.facts().shapes).copied().collect()
}

/// The decoder of a shape.
#[cfg(test)]
pub(crate) fn decoder(name: &str) -> crate::decoder::DecoderConfig {
    FAMILIES.iter().find_map(|family| family.shape(name)).expect("a shape").decoder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_familys_shape() {
        for name in names() {
            let of = FAMILIES.iter().filter(|family| family.shape(name).is_some());
            assert_eq!(of.count(), 1, "{name}");
        }
        assert!(FAMILIES.iter().all(|family| family.shape("gpt-5").is_none()));
    }
}
