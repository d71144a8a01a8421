//! What is wrong with the settings of a model folder.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with the settings of a model folder: `config.json` and the files beside it.
    ConfigFault {
        NoObject = "config_no_object":
            "does not hold an object of settings", "설정 객체가 들어 있지 않습니다";
        Setting { key: String, value: String, needed: Localized } = "config_setting":
            "'{key}' is {value}; {needed} is needed",
            "'{key}'의 값이 {value}입니다. 필요한 값: {needed}";
        NoConfig = "config_not_there":
            "there is no config.json; a model folder in Hugging Face layout is needed",
            "config.json이 없습니다. Hugging Face 형식의 모델 폴더가 필요합니다";
        NoModelType = "config_no_model_type":
            "has no 'model_type': it does not say what model this is",
            "'model_type'이 없어 어떤 모델인지 알 수 없습니다";
        ModelType { name: String, known: Localized } = "config_model_type":
            "model_type '{name}' is not supported; {known} are",
            "model_type '{name}'은(는) 지원되지 않습니다. 지원되는 것: {known}";

        NotDivided { key: String, width: usize, heads: usize } = "config_width_not_divided":
            "'{key}' {width} does not divide into {heads} heads",
            "'{key}' {width}을(를) 헤드 {heads}개로 나눌 수 없습니다";
        KeyHeads { heads: usize, width: usize, kv_heads: usize, heads_key: String, kv_key: String } = "config_key_heads":
            "{heads} heads of {width} values over {kv_heads} key heads do not fit: '{heads_key}' must be a multiple of '{kv_key}', and a head's width even",
            "값 {width}개인 헤드 {heads}개와 키 헤드 {kv_heads}개가 맞지 않습니다. '{heads_key}'은(는) '{kv_key}'의 배수여야 하고 헤드의 너비는 짝수여야 합니다";
        WidthAndHeads { key: String, width: usize, heads: usize } = "config_width_and_heads":
            "'{key}' {width} and {heads} heads do not fit together",
            "'{key}' {width}와(과) 헤드 {heads}개가 맞지 않습니다";
        WidthAndHeadsByFour { key: String, width: usize, heads: usize } = "config_width_and_heads_by_four":
            "'{key}' {width} and {heads} heads do not fit together: a head's width must be a multiple of 4",
            "'{key}' {width}와(과) 헤드 {heads}개가 맞지 않습니다. 헤드의 너비는 4의 배수여야 합니다";
        TwoSizes { one_key: String, one: usize, other_key: String, other: usize } = "config_two_sizes":
            "'{one_key}' {one} and '{other_key}' {other} do not fit together",
            "'{one_key}' {one}와(과) '{other_key}' {other}이(가) 맞지 않습니다";
        TowerGives { key: String, width: usize, hidden: usize, hidden_key: String } = "config_tower_gives":
            "'{key}' is {width}: the vision tower gives that many values a token, and the decoder takes {hidden} ('{hidden_key}')",
            "'{key}'의 값이 {width}입니다. 비전 타워는 토큰마다 값을 이만큼 내고 디코더는 {hidden}개('{hidden_key}')를 받습니다";
        AxesDoNotFill { sections: String, width: usize } = "config_axes_do_not_fill":
            "'mrope_section' {sections} does not fill half a head of {width} in three parts",
            "'mrope_section' {sections}이(가) 너비 {width}인 헤드의 절반을 세 부분으로 채우지 않습니다";
        AxesAreNotThree { sections: String } = "config_axes_not_three":
            "'mrope_section' {sections} does not have three parts: time, rows and columns",
            "'mrope_section' {sections}에 세 부분(시간, 행, 열)이 있지 않습니다";
        WindowTooSmall { key: String, edge: usize, token: usize } = "config_window_too_small":
            "'{key}' {edge} is smaller than a token of {token} pixels",
            "'{key}' {edge}이(가) {token}픽셀인 토큰보다 작습니다";
        InSetting { key: String, what: Localized } = "config_in_setting":
            "'{key}': {what}", "'{key}': {what}";
        TowerHeads { width: usize, heads: usize } = "config_tower_heads":
            "the width {width} does not divide into {heads} heads",
            "너비 {width}을(를) 헤드 {heads}개로 나눌 수 없습니다";
        TowerPatch { patch: usize, edge: usize } = "config_tower_patch":
            "a patch of {patch} pixels does not fit into {edge}",
            "{patch}픽셀인 패치가 {edge}픽셀에 들어가지 않습니다";
        PixelLimitsCross { least: u64, most: u64 } = "config_pixel_limits_cross":
            "asks for at least {least} pixels and at most {most}",
            "픽셀을 최소 {least}개, 최대 {most}개로 요구합니다";
    }
}
