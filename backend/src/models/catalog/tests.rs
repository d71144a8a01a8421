use std::path::Path;

use super::*;

/// A model whose files change under a lab that serves it is resolved on what they say now.
#[test]
fn what_is_known_of_a_model_follows_its_files() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/demo-llava");
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(demo).expect("the demo model").flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().ends_with("json") || name == "chat_template.jinja" {
            std::fs::copy(entry.path(), folder.path().join(name)).expect("copied");
        }
    }
    let catalog = Catalog::default();
    let source = Source::folder("demo".to_owned(), folder.path().to_owned());
    let asked = AskedOptions { prompt: "What is it?".into(), ..AskedOptions::default() };
    let template = || catalog.resolved(&source, &asked).expect("it can be").template;
    let before = template();
    assert_eq!(before, "llava-hf");
    let path = folder.path().join("chat_template.jinja");
    let text = std::fs::read_to_string(&path).expect("a template");
    std::fs::write(&path, format!("Look. {text}")).expect("written");
    let after = template();
    assert_ne!(after, before, "the template of the file as it is now");
    std::fs::write(&path, &text).expect("written");
    assert_eq!(template(), before);
    assert_eq!(lock(&catalog.traits).len(), 1);
}

#[test]
fn files_of_llama_cpp_are_models_where_an_mmproj_is_beside_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |file: &str| {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, "").expect("a file");
    };
    for file in ["alone/lonely.gguf", "pair/tiny.gguf", "pair/mmproj-tiny.gguf"] {
        put(file);
    }
    let mut catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
    let names = |c: &Catalog| c.models().iter().map(|m| m.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&catalog), ["tiny"]);
    put("big.gguf");
    put("big.mmproj.gguf");
    catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
    assert_eq!(names(&catalog), ["big", "tiny"]);
    for source in catalog.models() {
        assert_eq!(source.default_quant(), Quant::Stored);
        assert!(matches!(gguf_files(&source.folder), Some(Ok(_))));
    }
    let at = |file: &str| folder.path().join(file).display().to_string();
    let both = format!("{},{}", at("big.mmproj.gguf"), at("alone/lonely.gguf"));
    assert_eq!(catalog.resolve(&both).expect("two files").name, "lonely");
    let lonely = catalog.resolve(&at("alone/lonely.gguf")).expect_err("no mmproj").to_string();
    assert!(lonely.contains("lonely.gguf") && lonely.contains("mmproj"), "{lonely}");
}

#[test]
fn folders_with_config_and_weights_are_models_and_the_demo_is_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["another", DEMO_NAME, "notes", "weightless"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let put = |name: &str, file: &str| {
        std::fs::write(folder.path().join(name).join(file), "{}").expect("a file");
    };
    for name in ["another", DEMO_NAME, "weightless"] {
        put(name, "config.json");
    }
    put(DEMO_NAME, "model.safetensors");
    put("another", "model.safetensors.index.json");
    let mut catalog = Catalog::find(Some(folder.path()), folder.path()).expect("found");
    let names: Vec<_> = catalog.models().iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["another", DEMO_NAME]);
    assert_eq!(catalog.by_name("").expect("a default").name, DEMO_NAME);
    assert!(matches!(catalog.by_name("notes"), Err(CatalogError::Unknown { .. })));
    catalog.set_default("another").expect("known");
    assert_eq!(catalog.by_name("").expect("a default").name, "another");
    let notes = folder.path().join("notes").display().to_string();
    assert!(matches!(catalog.resolve(&notes), Err(CatalogError::NotAModel(_))));
    let weights = folder.path().join(DEMO_NAME).join("model.safetensors");
    let weights = weights.display().to_string();
    assert!(matches!(catalog.resolve(&weights), Err(CatalogError::NotModelFile(_))));
    let nowhere = folder.path().join("nowhere").display().to_string();
    assert!(matches!(catalog.resolve(&nowhere), Err(CatalogError::Nowhere(_))));
}
