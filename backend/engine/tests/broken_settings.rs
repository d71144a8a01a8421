//! Model folders whose settings are wrong: each gets a sentence that names the file and the key.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use crate::common::folder::Folder;
use serde_json::{Value, json};

const LLAVA: &str = "llava-mha";
const QWEN: &str = "qwen-square";

/// `at` is a path into the file, such as `text_config.hidden_size`.
fn set(json: &mut Value, at: &str, value: Value) {
    let mut place = json;
    for key in at.split('.') {
        place = &mut place[key];
    }
    *place = value;
}

fn refuses(golden: &str, file: &str, cases: &[(&str, Value, &str)]) {
    let folder = Folder::copy(golden);
    for (at, value, words) in cases {
        folder.change(file, |json| set(json, at, value.clone()));
        let key = at.rsplit('.').next().unwrap();
        let key = if *words == ANY { key } else { words };
        folder.refused(&[file, key]);
    }
    folder.restore(file);
    assert!(folder.load().is_ok(), "the copy itself works");
}

/// The sentence must name the key.
const ANY: &str = "";

#[test]
fn files_that_are_no_json_say_so() {
    for golden in [LLAVA, QWEN] {
        let folder = Folder::copy(golden);
        for file in
            ["config.json", "generation_config.json", "processor_config.json", "tokenizer.json"]
        {
            for (bytes, words) in [
                (&b""[..], "is empty"),
                (b"{\"a\": [1,", "cut off"),
                (b"{a}", "is not valid JSON"),
                (b"\xff\xfe\x00", "is not UTF-8"),
                (&b"[".repeat(100_000), "is not valid JSON"),
            ] {
                folder.write(file, bytes);
                folder.refused(&[file, words]);
            }
            std::fs::remove_file(folder.file(file)).unwrap();
            std::fs::create_dir(folder.file(file)).unwrap();
            folder.refused(&[file, "is a folder"]);
            std::fs::remove_dir(folder.file(file)).unwrap();
            folder.restore(file);
        }
        for file in ["config.json", "generation_config.json", "tokenizer.json"] {
            folder.write(file, "[]");
            folder.refused(&[file, "object"]);
            folder.restore(file);
        }
    }
}

/// What has a default when it is left out must still be of the right kind when it is there.
#[test]
fn settings_of_the_wrong_kind_are_not_taken_for_missing() {
    let kinds = |word: Value| [word, json!([]), json!({}), json!(-1), json!(1.5), json!(1e300)];
    for at in
        ["text_config.hidden_size", "text_config.num_hidden_layers", "vision_config.image_size"]
    {
        refuses(LLAVA, "config.json", &kinds(json!("big")).map(|v| (at, v, ANY)));
    }
    refuses(
        LLAVA,
        "config.json",
        &[
            ("model_type", json!(7), ANY),
            ("text_config", json!(7), ANY),
            ("text_config.model_type", json!(7), ANY),
            ("text_config.hidden_act", json!(7), ANY),
            ("text_config.tie_word_embeddings", json!("no"), ANY),
            ("text_config.rms_norm_eps", json!(-1), ANY),
            ("text_config.rms_norm_eps", json!("NaN"), ANY),
            ("text_config.rope_parameters", json!("linear"), ANY),
            ("text_config.rope_parameters", json!({"rope_theta": 0}), "rope_theta"),
            ("text_config.rope_parameters", json!({"rope_type": "yarn"}), "rope_type"),
            ("text_config.rope_scaling", json!({"type": "linear"}), "factor"),
            ("text_config.rope_scaling", json!("linear"), "rope_scaling"),
            ("vision_config.hidden_act", json!(7), ANY),
            ("vision_config.num_channels", json!(1), ANY),
            ("vision_config.model_type", json!("siglip_vision_model"), ANY),
            ("image_token_index", json!("<image>"), ANY),
            ("image_token_index", json!(-200), ANY),
            ("image_token_index", json!(1e9 as u64), ANY),
            ("eos_token_id", json!("</s>"), ANY),
            ("vision_feature_layer", json!([-2, -5]), ANY),
            ("vision_feature_layer", json!(i64::MIN), ANY),
            ("vision_feature_select_strategy", json!("full"), ANY),
        ]
        .map(|(at, value, words)| {
            if at == "eos_token_id" {
                // The generation config is asked first.
                ("image_token_index", json!([]), words)
            } else {
                (at, value, words)
            }
        }),
    );
    refuses(LLAVA, "generation_config.json", &[("eos_token_id", json!("</s>"), ANY)]);
    refuses(
        QWEN,
        "config.json",
        &[
            ("text_config.model_type", json!("llama"), ANY),
            ("text_config.use_sliding_window", json!("yes"), ANY),
            ("vision_config.fullatt_block_indexes", json!("all"), ANY),
            ("vision_config.fullatt_block_indexes", json!([-1]), ANY),
            ("vision_config.temporal_patch_size", json!(1), ANY),
            ("vision_config.in_channels", json!(4), ANY),
            ("image_token_id", json!(1 << 30), ANY),
        ],
    );
}

#[test]
fn sizes_that_do_not_fit_together_are_named() {
    refuses(
        LLAVA,
        "config.json",
        &[
            ("text_config.num_attention_heads", json!(3), "do not fit"),
            ("text_config.num_key_value_heads", json!(3), "do not fit"),
            ("text_config.num_hidden_layers", json!(1), "the weights have"),
            ("text_config.num_hidden_layers", json!(900), "the weights have"),
            ("vision_config.num_hidden_layers", json!(1), "the weights have"),
            ("vision_config.num_hidden_layers", json!(90), "the weights have"),
            ("vision_config.num_attention_heads", json!(5), "do not fit"),
            ("vision_config.patch_size", json!(4096), "do not fit"),
        ],
    );
    refuses(
        QWEN,
        "config.json",
        &[
            ("vision_config.num_heads", json!(5), "do not fit"),
            ("vision_config.window_size", json!(3), ANY),
            ("vision_config.spatial_merge_size", json!(1 << 20), ANY),
            ("vision_config.patch_size", json!(1 << 20), ANY),
            ("vision_config.depth", json!(1), "the weights have"),
            ("text_config.num_hidden_layers", json!(1), "the weights have"),
            ("text_config.rope_parameters.mrope_section", json!([1, 1, 1]), "mrope_section"),
            (
                "text_config.rope_parameters.mrope_section",
                json!([u32::MAX, u32::MAX, 2]),
                "mrope_section",
            ),
            (
                "text_config.rope_parameters.mrope_section",
                json!([u64::MAX, u64::MAX, 2]),
                "mrope_section",
            ),
        ],
    );
}

#[test]
fn heads_that_do_not_divide_the_width_are_named() {
    let folder = Folder::copy(LLAVA);
    folder.change("config.json", |c| {
        let text = c["text_config"].as_object_mut().unwrap();
        text.remove("head_dim");
        text.remove("num_key_value_heads");
        text["num_attention_heads"] = json!(7);
    });
    folder.refused(&["config.json", "text_config.hidden_size", "does not divide into 7 heads"]);
}

/// Terabytes are refused before they are set aside.
#[test]
fn absurd_sizes_cost_no_memory() {
    let huge = [1u64 << 23, 1 << 24, 1 << 40, u64::MAX];
    for (golden, keys) in [
        (
            LLAVA,
            &[
                "text_config.hidden_size",
                "text_config.intermediate_size",
                "text_config.num_hidden_layers",
                "text_config.vocab_size",
                "text_config.head_dim",
                "vision_config.hidden_size",
                "vision_config.image_size",
                "vision_config.num_hidden_layers",
            ][..],
        ),
        (
            QWEN,
            &[
                "text_config.hidden_size",
                "vision_config.hidden_size",
                "vision_config.depth",
                "vision_config.patch_size",
                "vision_config.spatial_merge_size",
                "vision_config.out_hidden_size",
            ],
        ),
    ] {
        let folder = Folder::copy(golden);
        for key in keys {
            for size in huge {
                folder.change("config.json", |json| set(json, key, json!(size)));
                let error = folder.load().err().unwrap_or_else(|| panic!("{key} = {size} loaded"));
                folder.check(&error);
            }
        }
    }
}

/// The reference divides by a standard deviation, scales by 1/255 and crops: a configuration that
/// asks for something else must not be answered with numbers of another preparation.
#[test]
fn other_preparations_are_refused() {
    for (golden, keys) in [
        (
            LLAVA,
            // Pictures that are not square need the crop.
            &["do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"][..],
        ),
        (QWEN, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"]),
    ] {
        let at: Vec<String> = keys.iter().map(|key| format!("image_processor.{key}")).collect();
        for value in [json!(false), json!("no")] {
            let cases: Vec<_> = at.iter().map(|at| (at.as_str(), value.clone(), ANY)).collect();
            refuses(golden, "processor_config.json", &cases);
        }
        refuses(
            golden,
            "processor_config.json",
            &[
                ("image_processor.image_std", json!([0, 0, 0]), ANY),
                ("image_processor.image_std", json!([1, 1]), ANY),
                ("image_processor.image_mean", json!([1e300, 0, 0]), ANY),
                ("image_processor.image_mean", json!(0.5), ANY),
                ("image_processor.rescale_factor", json!(1), ANY),
                ("image_processor.resample", json!(2), ANY),
                ("image_processor.size", json!("large"), ANY),
                ("image_processor", json!(7), "object"),
            ],
        );
    }
    refuses(
        LLAVA,
        "processor_config.json",
        &[
            ("image_processor.size.shortest_edge", json!(0), "size"),
            ("image_processor.size", json!({"longest_edge": 42}), "size"),
            ("image_processor.size", json!({"min_pixels": 64, "max_pixels": 900}), "size"),
            ("image_processor.image_processor_type", json!("SiglipImageProcessor"), "Siglip"),
            ("image_processor.data_format", json!("channels_last"), "data_format"),
            ("image_processor.size.shortest_edge", json!(u32::MAX), "size"),
            ("image_processor.crop_size", json!({"height": 336, "width": 336}), ANY),
        ],
    );
    refuses(
        QWEN,
        "processor_config.json",
        &[
            ("image_processor.merge_size", json!(3), ANY),
            ("image_processor.patch_size", json!("14"), ANY),
            ("image_processor.size.shortest_edge", json!(1u64 << 50), ANY),
            ("image_processor.size.longest_edge", json!(5), "at most 5"),
            ("image_processor.size", json!({"min_pixels": 64, "max_pixels": 900}), "size"),
            ("image_processor.size", json!({"shortest_edge": 900}), "size"),
            ("image_processor.image_processor_type", json!("CLIPImageProcessor"), "CLIP"),
            ("image_processor.min_pixels", json!(-1), ANY),
        ],
    );
}

#[test]
fn another_models_tokenizer_is_refused() {
    for golden in [LLAVA, QWEN] {
        let folder = Folder::copy(golden);
        let damage = |change: &dyn Fn(&mut Value), words: &[&str]| {
            folder.change("tokenizer.json", change);
            folder.refused(&[&["tokenizer.json"], words].concat());
        };
        damage(
            &|t| {
                let vocab = t["model"]["vocab"].as_object_mut().unwrap();
                *vocab.values_mut().next_back().unwrap() = json!(1_000_000);
            },
            &["1000000", "only has"],
        );
        damage(&|t| t["model"] = Value::Null, &["'model'"]);
        damage(&|t| t["model"]["type"] = json!("Oracle"), &["'model'", "Oracle"]);
        damage(&|t| t["pre_tokenizer"] = json!({"type": "Oracle"}), &["pre_tokenizer", "Oracle"]);
        damage(
            &|t| {
                t["normalizer"] =
                    json!({"type": "Replace", "pattern": {"Regex": "("}, "content": ""})
            },
            &["normalizer", "Replace"],
        );
        // The library reads these and panics on the first use.
        damage(
            &|t| {
                t["post_processor"] = json!({"type": "TemplateProcessing", "pair": [],
                    "single": [{"SpecialToken": {"id": "<gone>", "type_id": 0}}],
                    "special_tokens": {}});
            },
            &["post_processor", "<gone>"],
        );
        damage(
            &|t| {
                t["post_processor"] = json!({"type": "TemplateProcessing", "pair": [],
                    "single": [{"SpecialToken": {"id": "a", "type_id": 0}}],
                    "special_tokens": {"a": {"id": "a", "ids": [700_000], "tokens": ["a"]}}});
            },
            &["post_processor", "700000"],
        );
        damage(&|t| t["version"] = json!("9.0"), &["version"]);
        let image = if golden == LLAVA { "<image>" } else { "<|image_pad|>" };
        folder.restore("tokenizer.json");
        let key = if golden == LLAVA { "image_token_index" } else { "image_token_id" };
        folder.change("config.json", |c| {
            c.as_object_mut().unwrap().remove("image_token_id");
            set(c, key, json!(5));
        });
        folder.refused(&["tokenizer.json", image, "config.json"]);
    }
}

#[test]
fn a_tokenizer_without_the_templates_tokens_is_refused_at_once() {
    let folder = Folder::copy(QWEN);
    folder.change("tokenizer.json", |t| {
        t["added_tokens"].as_array_mut().unwrap().retain(|t| t["content"] != "<|im_start|>");
        t["model"]["vocab"].as_object_mut().unwrap().remove("<|im_start|>");
    });
    folder.refused(&["tokenizer.json", "<|im_start|>"]);
}

/// A tokenizer that cuts or pads what it is given would change the prompt.
#[test]
fn a_tokenizers_own_lengths_do_not_cut_the_prompt() {
    let folder = Folder::copy(LLAVA);
    let tokens = |model: &engine::Model| {
        let picture = engine::Picture { width: 50, height: 50, rgb: vec![9; 7500] };
        let options = shared::RunOptions { prompt: "one two three".into(), ..Default::default() };
        model.prepare(&picture, &options).unwrap().prompt_tokens()
    };
    let want = tokens(&folder.load().unwrap());
    folder.change("tokenizer.json", |t| {
        t["truncation"] =
            json!({"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
        t["padding"] = json!({"strategy": {"Fixed": 50}, "direction": "Right",
            "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"});
    });
    assert_eq!(tokens(&folder.load().unwrap()), want);
}
