//! `./run.sh pictures`: every view of the page at three sizes, light and dark.
//!
//! Pictures of all views go to the build folder; the few that the documentation shows go to
//! `docs/pictures`. Nothing on them moves or blinks, and their numbers come from the shipped run
//! and from runs of the demo models on samples drawn with a fixed seed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use system_tests::views::{VIEWS, View};
use system_tests::{Browser, Gallery, LARGE, PHONE, PROJECTOR, build_folder, file};

/// Sizes by name.
const SIZES: [(&str, (u32, u32)); 3] =
    [("desktop", LARGE), ("projector", PROJECTOR), ("phone", PHONE)];

/// Pictures that the documentation shows, and what they are called there.
const SHOWN: &[(&str, &str)] = &[
    ("lab-desktop-light", "lab.png"),
    ("lab-phone-dark", "phone.png"),
    ("lab-projector-projector", "projector.png"),
    ("experiment-desktop-light", "experiment.png"),
];

/// Most bytes of a picture in the documentation.
const MOST: usize = 300_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let folder = build_folder().join("pictures");
    std::fs::create_dir_all(&folder)?;
    let page = Browser::open().await?;
    page.prefer("prefers-reduced-motion", "reduce").await?;
    let gallery = Gallery::open(&page).await?;
    // Whoever comes back is not asked again whether to be shown around.
    page.script("localStorage.setItem('tour', 'seen')").await?;
    let mut made = 0;
    for view in VIEWS.iter().filter(|v| wanted.is_empty() || wanted.iter().any(|w| w == v.name)) {
        for theme in view.themes {
            made += take(&page, &gallery, view, theme, &folder).await?;
        }
    }
    ensure!(made > 0, "there is no view called {}: {}", wanted.join(" or "), names());
    eprintln!("      {made} pictures in {}", folder.display());
    Ok(())
}

fn names() -> String {
    VIEWS.iter().map(|v| v.name).collect::<Vec<_>>().join(", ")
}

/// Takes the pictures of a view in a theme, and says how many.
async fn take(
    page: &Browser,
    gallery: &Gallery,
    view: &View,
    theme: &str,
    folder: &Path,
) -> Result<usize> {
    let mut made = 0;
    for (size, pixels) in SIZES {
        // The projector's own theme is for its size and for no other.
        if theme == "projector" && size != "projector" {
            continue;
        }
        page.resize(pixels).await?;
        page.wear(theme).await?;
        view.open(page, gallery).await?;
        page.script("document.activeElement.blur(); scrollTo(0, 0)").await?;
        page.settled().await?;
        let name = format!("{}-{size}-{theme}", view.name);
        let keep = |name: &str, picture: &[u8]| {
            let path = folder.join(format!("{name}.png"));
            std::fs::write(&path, picture).with_context(|| path.display().to_string())
        };
        let screen = page.picture(false).await?;
        keep(&name, &screen)?;
        keep(&format!("{name}-whole"), &page.picture(true).await?)?;
        made += 2;
        if let Some((_, called)) = SHOWN.iter().find(|(n, _)| *n == name) {
            show(called, &screen)?;
        }
    }
    Ok(made)
}

/// Puts a picture where the documentation finds it.
fn show(called: &str, picture: &[u8]) -> Result<()> {
    ensure!(picture.len() <= MOST, "{called} is {} bytes large, more than {MOST}", picture.len());
    let path: PathBuf = file("docs/pictures").join(called);
    std::fs::create_dir_all(file("docs/pictures"))?;
    std::fs::write(&path, picture).with_context(|| path.display().to_string())
}
