//! Settings that are known to change neither pixels, tokens nor weights: the only ones that are
//! passed over without a word. What is in none of these lists and is not asked for is told.

/// Members of every configuration of transformers 4 and 5: how a model is saved, trained or asked
/// for its outputs. None of them is read when a model answers.
pub(super) const EVERY: [&str; 47] = [
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "add_cross_attention",
    "architectures",
    "attention_dropout",
    "auto_map",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "dropout",
    "dtype",
    "eos_token_id",
    "finetuning_task",
    "id2label",
    "ignore_index",
    "initializer_factor",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "label2id",
    "max_window_layers",
    "model_type",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "projection_dim",
    "pruned_heads",
    "return_dict",
    "sep_token_id",
    "sliding_window",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "unsloth_fixed",
    "use_bfloat16",
    "use_cache",
];

/// Settings of generation that transformers 4 wrote into `config.json`; transformers 5 takes them
/// from `generation_config.json` alone.
pub(super) const GENERATION: [&str; 29] = [
    "bad_words_ids",
    "begin_suppress_tokens",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty",
    "epsilon_cutoff",
    "eta_cutoff",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "suppress_tokens",
    "temperature",
    "top_k",
    "top_p",
    "typical_p",
    "use_cache",
];

/// Of LLaVA's own: sizes that follow from others.
pub(super) const LLAVA: [&str; 2] = ["image_seq_length", "vocab_size"];

/// Of CLIP's: those of its text tower.
pub(super) const CLIP: [&str; 1] = ["vocab_size"];

/// Of Qwen2.5-VL's: tokens that stand for nothing in a question about a still picture.
pub(super) const QWEN: [&str; 4] =
    ["video_token_id", "vision_end_token_id", "vision_start_token_id", "vision_token_id"];

/// Of its vision tower's: names that nobody reads any more, and how seconds of a film are counted.
pub(super) const QWEN_TOWER: [&str; 3] = ["in_chans", "spatial_patch_size", "tokens_per_second"];

/// Of rotary settings: what plain and linear positions do not use.
pub(super) const ROPE: [&str; 2] = ["type", "original_max_position_embeddings"];
