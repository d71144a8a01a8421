//! Pictures that are not the person's: the mean colour, and noise.

use shared::experiment::stats::SplitMix64;
use shared::{PictureUse, Resizing};

use super::Normalise;
use crate::picture::Picture;

/// What stands in a prepared picture's place, and its planes `[3, height, width]`.
///
/// The mean colour has no exact form in 8 bits; its planes are exactly zero, and what a person is
/// shown is the nearest level.
pub(crate) fn replaced(
    mut picture: Picture,
    normalise: &Normalise,
    with: PictureUse,
    resizing: Resizing,
) -> (Picture, Vec<f32>) {
    match with {
        PictureUse::Own | PictureUse::None => {}
        PictureUse::Blank => {
            let colour = normalise.mean_colour();
            picture.rgb.as_chunks_mut().0.fill(colour);
            let planes = vec![0.0; picture.rgb.len()];
            return (picture, planes);
        }
        PictureUse::Noise(seed) => noise(seed, &mut picture.rgb),
    }
    let planes = normalise.planes(&picture, resizing);
    (picture, planes)
}

/// Fills with bytes that are evenly distributed: the outputs of SplitMix64 (Steele, Lea and Flood,
/// 2014; the state starts at the seed), each as eight bytes, the lowest first.
fn noise(seed: u32, bytes: &mut [u8]) {
    let mut bits = SplitMix64::new(u64::from(seed));
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&bits.next_u64().to_le_bytes()[..chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first outputs for the seeds 0 and 1234567.
    #[test]
    fn noise_is_splitmix64() {
        let first = |seed: u32| {
            let mut bytes = [0; 20];
            noise(seed, &mut bytes);
            bytes
        };
        let (whole, rest) = (first(0), first(1_234_567));
        assert_eq!(whole[..8], 0xE220_A839_7B1D_CDAF_u64.to_le_bytes());
        assert_eq!(whole[8..16], 0x6E78_9E6A_A1B9_65F4_u64.to_le_bytes());
        assert_eq!(whole[16..], 0x06C4_5D18_8009_454F_u64.to_le_bytes()[..4]);
        assert_eq!(rest[..8], 6_457_827_717_110_365_317_u64.to_le_bytes());
        assert_eq!(rest[8..16], 3_203_168_211_198_807_973_u64.to_le_bytes());
    }

    #[test]
    fn noise_is_even() {
        let mut bytes = vec![0; 3 * 336 * 336];
        noise(7, &mut bytes);
        let mut counts = [0_u32; 256];
        bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
        let expected = bytes.len() as f64 / 256.0;
        let chi2: f64 = counts.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        // 255 degrees of freedom: 255 ± 5 · √510.
        assert!((142.0..368.0).contains(&chi2), "{chi2}");
    }

    #[test]
    fn the_mean_colour_is_nothing_to_the_tower() {
        const AS: Resizing = Resizing::Torchvision;
        let picture = Picture { width: 2, height: 3, rgb: (0..18).collect() };
        let (shown, planes) = replaced(picture.clone(), &Normalise::CLIP, PictureUse::Blank, AS);
        assert_eq!(planes, [0.0; 18]);
        assert_eq!(shown.rgb, [123, 117, 104].repeat(6));
        let (own, planes) = replaced(picture.clone(), &Normalise::CLIP, PictureUse::Own, AS);
        assert_eq!((own, planes), (picture.clone(), Normalise::CLIP.planes(&picture, AS)));
        let (noise, planes) = replaced(picture, &Normalise::CLIP, PictureUse::Noise(1), AS);
        assert_eq!(planes, Normalise::CLIP.planes(&noise, AS));
        assert_eq!((noise.width, noise.height), (2, 3));
    }
}
