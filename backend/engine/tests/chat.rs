//! Models' own chat templates against transformers (tests/goldens/make_chat.py).

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::folder::Folder;
use crate::common::{Golden, Recording};
use engine::{LoadOptions, Model, Picture, traits_of};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Group, Layout, PictureUse, Quant, RunOptions};

#[derive(Deserialize)]
struct Case {
    name: String,
    checkpoint: String,
    template: String,
    /// The words of the system, if any.
    system: String,
    /// The built-in template that writes the same.
    same: Option<String>,
    prompts: Vec<Prompt>,
}

#[derive(Deserialize)]
struct Prompt {
    question: String,
    picture: bool,
    ids: Vec<u32>,
}

const PLACES: [&str; 4] =
    ["chat_template.jinja", "chat_template.json", "processor_config.json", "tokenizer_config.json"];

/// A folder whose only template is this one.
fn folder(checkpoint: &str, template: &str) -> Folder {
    let folder = bare(checkpoint);
    folder.write("chat_template.jinja", template);
    folder
}

fn bare(checkpoint: &str) -> Folder {
    let folder = Folder::copy(checkpoint);
    for place in PLACES {
        let Ok(text) = std::fs::read(folder.file(place)) else { continue };
        match serde_json::from_slice::<Value>(&text) {
            Ok(mut json) if place.ends_with("config.json") => {
                json.as_object_mut().unwrap().remove("chat_template");
                folder.write(place, json.to_string());
            }
            _ => std::fs::remove_file(folder.file(place)).unwrap(),
        }
    }
    folder
}

fn put(folder: &Folder, place: &str, template: Value) {
    let text = std::fs::read(folder.file(place)).unwrap_or(b"{}".to_vec());
    let mut json: Value = serde_json::from_slice(&text).unwrap();
    json["chat_template"] = template;
    folder.write(place, json.to_string());
}

fn load(folder: &Folder) -> Model {
    let options = LoadOptions { quant: Quant::F32, ..LoadOptions::default() };
    Model::load(folder.path(), &options, &mut |_, _| {}).unwrap()
}

fn picture(checkpoint: &str) -> Picture {
    let golden = Golden::open(checkpoint);
    let file = golden.folder.join("../images").join(golden.text("picture"));
    Picture::decode(&std::fs::read(file).unwrap(), &engine::PictureLimits::default()).unwrap()
}

fn options(question: &str, picture: bool, template: Option<&str>) -> RunOptions {
    RunOptions {
        prompt: question.to_owned(),
        template: template.unwrap_or_default().to_owned(),
        picture: if picture { PictureUse::Own } else { PictureUse::None },
        quant: Quant::F32,
        max_new_tokens: 1,
        ..RunOptions::default()
    }
}

fn layout(model: &Model, shown: &Picture, options: &RunOptions) -> Layout {
    let prepared = model.prepare(shown, options).unwrap();
    let mut seen = Recording::default();
    model.run(&prepared, &mut seen).unwrap().unwrap();
    seen.layout.unwrap()
}

fn ids(layout: &Layout) -> Vec<u32> {
    layout.tokens.iter().map(|t| t.id).collect()
}

/// The text of a group's tokens; tokens that are single bytes are put together.
fn words(layout: &Layout, group: Group) -> String {
    let byte = |text: &str| {
        let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
        u8::from_str_radix(hex, 16).ok()
    };
    let mut bytes = Vec::new();
    for token in layout.tokens.iter().filter(|t| t.group == group) {
        match byte(&token.text) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(token.text.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A folder whose picture's token has another name than the published models' is known at a glance by
/// the templates that the loaded model has.
#[test]
fn a_picture_token_of_another_name_is_known_at_a_glance() {
    for (checkpoint, token, published, name) in [
        ("llava-mha", "<image>", "llava-hf", "<img>"),
        ("qwen-square", "<|image_pad|>", "qwen2.5-vl", "<|pic|>"),
    ] {
        let cases = Golden::open(checkpoint).folder.join("../chat/cases.json");
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(cases).unwrap()).unwrap();
        let of = |case: &&Case| case.checkpoint == checkpoint;
        let case = cases.iter().filter(of).find(|c| c.same.as_deref() == Some(published)).unwrap();
        let folder = folder(checkpoint, &case.template.replace(token, name));
        let text = std::fs::read_to_string(folder.file("tokenizer.json")).unwrap();
        folder.write("tokenizer.json", text.replace(token, name));
        let model = load(&folder);
        assert_eq!(model.info().template, published);
        let glance = traits_of(folder.path()).unwrap();
        assert_eq!(glance.template_refused, None, "{checkpoint}");
        assert_eq!(glance.templates.unwrap(), model.templates(), "{checkpoint}");
    }
}

#[test]
fn own_templates_give_transformers_ids() {
    let cases = Golden::open("llava-mha").folder.join("../chat/cases.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(cases).unwrap()).unwrap();
    assert_eq!(cases.len(), 19);
    for case in cases {
        let at = &case.name;
        let folder = folder(&case.checkpoint, &case.template);
        let (model, shown) = (load(&folder), picture(&case.checkpoint));
        let name = model.info().template.clone();
        match &case.same {
            Some(same) => assert_eq!(name, *same, "{at}"),
            None => assert!(name.starts_with("folder:") && name.len() == 15, "{at}: {name}"),
        }
        let glance = traits_of(folder.path()).unwrap();
        assert_eq!(glance.templates.unwrap(), model.templates(), "{at}: at a glance");
        for prompt in &case.prompts {
            let asked = options(&prompt.question, prompt.picture, None);
            let prepared = match model.prepare(&shown, &asked) {
                Ok(prepared) => prepared,
                // Where the picture's token is part of the text, a template that trims the text
                // takes the line break behind it as well, if nothing follows.
                Err(e) => {
                    assert!(prompt.question.is_empty() && prompt.picture, "{at}: {e}");
                    assert!(e.message.contains("writes something else"), "{at}: {e}");
                    continue;
                }
            };
            let resolved = prepared.options().template.clone();
            assert_eq!(resolved, name, "{at}");
            let layout = layout(&model, &shown, &asked);
            assert_eq!(ids(&layout), prompt.ids, "{at}: {:?}", prompt.question);
            assert_eq!(words(&layout, Group::System).trim(), case.system, "{at}");
            assert_eq!(layout.counts().get(Group::Begin), 1, "{at}");
            let typed = words(&layout, Group::Instruction);
            let blank = prompt.question.trim().is_empty();
            assert_eq!(blank, typed.trim().is_empty(), "{at}: {typed}");
            if prompt.question.is_ascii() {
                assert_eq!(typed.trim(), prompt.question.trim(), "{at}");
            }
        }
    }
}

/// transformers reads `processor_config.json` before `chat_template.json` before
/// `chat_template.jinja`; where a processor has none, the tokenizer's own is taken.
#[test]
fn the_order_of_the_files_is_transformers() {
    let template = |name: &str| {
        format!(
            "{name} {{% for c in messages[0].content %}}{{{{ c.text if c.text else '<image>' }}}}{{% endfor %}}"
        )
    };
    let folder = bare("llava-mha");
    put(
        &folder,
        "tokenizer_config.json",
        json!([{"name": "rag", "template": template("no")},
        {"name": "default", "template": template("tokenizer")}]),
    );
    let first_word = |folder: &Folder| {
        let model = load(folder);
        let layout = layout(&model, &picture("llava-mha"), &options("a", true, None));
        words(&layout, Group::Template).trim().to_owned()
    };
    assert_eq!(first_word(&folder), "tokenizer");
    folder.write("chat_template.jinja", template("jinja"));
    assert_eq!(first_word(&folder), "jinja");
    put(&folder, "chat_template.json", json!(template("json")));
    assert_eq!(first_word(&folder), "json");
    put(&folder, "processor_config.json", json!({"default": template("processor"), "x": "y"}));
    assert_eq!(first_word(&folder), "processor");
}

#[test]
fn a_template_that_cannot_be_used_is_refused_in_words() {
    let turn =
        "{% for c in messages[0].content %}{{ c.text if c.text else '<image>' }}{% endfor %}";
    for (template, words) in [
        (
            "USER: {{ messages[0].content[1].text }}".to_owned(),
            "has no place for the picture: it writes no <image>",
        ),
        (format!("<image>{turn}"), "places the picture 2 times"),
        (format!("{turn} {{{{ messages[0].content[-1].text }}}}"), "writes the question 2 times"),
        (
            turn.replace("c.text if", "c.text | upper if"),
            "does not write the question as it was typed",
        ),
        ("{{ raise_exception('Only three pictures.') }}".to_owned(), "Only three pictures."),
        ("{% if %}".to_owned(), "fails in line 1"),
        ("{{ strftime_now('%d') }}".to_owned(), "strftime_now"),
        (
            format!(
                "{{% for i in range(99999) %}}{{% for j in range(9999) %}}{{% endfor %}}{{% endfor %}}{turn}"
            ),
            "more steps",
        ),
    ] {
        let folder = folder("llava-mha", &template);
        let (model, shown) = (load(&folder), picture("llava-mha"));
        assert_eq!(model.info().template, "", "{template}");
        assert_eq!(model.templates(), ["llava-hf", "vicuna-v1"]);
        let glance = traits_of(folder.path()).unwrap().template_refused;
        assert_eq!(glance, model.traits().template_refused, "{template}");
        let error = model.prepare(&shown, &options("What is it?", true, None)).unwrap_err();
        assert_eq!(error.code, shared::ErrorCode::BadOption);
        let said = &error.message;
        assert!(said.contains(words) && said.contains("chat_template.jinja"), "{said}");
        assert!(said.contains("llava-hf or vicuna-v1"), "{said}");
        // What is built in is there to be chosen.
        model.prepare(&shown, &options("What is it?", true, Some("vicuna-v1"))).unwrap();
    }
    let folder = bare("llava-mha");
    folder.write("chat_template.json", "{");
    let error =
        load(&folder).prepare(&picture("llava-mha"), &options("a", true, None)).unwrap_err();
    assert!(error.message.contains("chat_template.json: was cut off"), "{}", error.message);
    assert!(!error.message.contains(&*folder.path().to_string_lossy()), "{}", error.message);
}

#[test]
fn a_template_that_writes_the_picture_anyhow_takes_no_question_without() {
    let folder = folder(
        "llava-mha",
        "### Human: <image>\n{% for c in messages[0].content %}{{ c.text }}{% endfor %}\n### Assistant:",
    );
    let (model, shown) = (load(&folder), picture("llava-mha"));
    model.prepare(&shown, &options("What is it?", true, None)).unwrap();
    let error = model.prepare(&shown, &options("What is it?", false, None)).unwrap_err();
    assert!(error.message.contains("even where there is no picture"), "{}", error.message);
}

/// What a person typed stays text inside of a model's own template too, and is what was asked.
#[test]
fn typed_text_stays_text_in_own_templates() {
    let own = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {% for c in m.content %}{{ c.text | trim if c.text else '<image>' }}{% endfor %}{{ eos_token }}{% endfor %}";
    let folder = folder("llava-mha", own);
    let (model, shown) = (load(&folder), picture("llava-mha"));
    for (typed, left) in [
        ("</s><s> {{ bos_token }} <image>", "</s><s> {{ bos_token }} <image>"),
        ("  <image>\n", "<image>"),
        ("</s>", "</s>"),
    ] {
        let layout = layout(&model, &shown, &options(typed, true, None));
        assert_eq!(words(&layout, Group::Instruction).trim_start(), left);
        let marks: Vec<u32> = layout.tokens.iter().filter(|t| t.id <= 2).map(|t| t.id).collect();
        assert_eq!(marks, [1, 2], "only the template's own");
        assert_eq!(layout.counts().get(Group::Image), 9);
    }
    // A template that looks into the question is found out when it matters.
    let looks = own.replace("c.text | trim if", "c.text.replace('<image>', '') if");
    let error = load(&self::folder("llava-mha", &looks))
        .prepare(&shown, &options("an <image> here", true, None))
        .unwrap_err();
    assert!(error.message.contains("writes something else"), "{}", error.message);
}

/// A prompt that begins with the tokenizer's first token is not begun twice, and one whose special
/// token takes the space beside it loses that space, typed or not.
#[test]
fn special_tokens_take_the_space_they_take() {
    let folder = folder(
        "llava-mha",
        "<s>U {% for c in messages[0].content %}{{ c.text if c.text else '<image>' }}{% endfor %} </s>",
    );
    folder.change("tokenizer.json", |json| {
        for token in json["added_tokens"].as_array_mut().unwrap() {
            if token["content"] == "</s>" {
                token["lstrip"] = json!(true);
            }
        }
    });
    let (model, shown) = (load(&folder), picture("llava-mha"));
    let of = |question: &str| ids(&layout(&model, &shown, &options(question, true, None)));
    assert_eq!(of("cat"), of("cat  "));
    assert_eq!(of("cat").iter().filter(|id| **id == 1).count(), 1);
    assert_eq!(of("cat").last(), Some(&2));
}
