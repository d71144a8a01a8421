//! What a setting must be that is something else.

use super::sentences;

sentences! {
    /// What a setting must be that is something else, as [`ConfigFault::Setting`](super::ConfigFault)
    /// names it.
    SettingNeed {
        Object = "need_object":
            "an object of settings", "설정 객체";
        Whole { most: usize } = "need_whole":
            "a whole number from 1 to {most}", "1부터 {most}까지의 정수";
        Number { least: String, most: String } = "need_number":
            "a number from {least} to {most}", "{least}부터 {most}까지의 수";
        Flag = "need_flag":
            "true or false", "true 또는 false";
        Word = "need_word":
            "a word", "문자열";
        Ids = "need_ids":
            "a whole number that is not negative, or a list of them", "음수가 아닌 정수 또는 그 목록";
        Id = "need_id":
            "a whole number that is not negative", "음수가 아닌 정수";
        TokenBelow { vocab: usize } = "need_token_below":
            "a token below {vocab}", "{vocab}보다 작은 토큰 번호";
        Numbers { least: String, most: String } = "need_three_numbers":
            "three numbers, one a channel, from {least} to {most},",
            "채널마다 하나씩, {least}부터 {most}까지의 수 세 개";
        Alone { member: String } = "need_member_alone":
            "{member} alone", "{member}만";

        SameForEveryLayer = "need_same_layers":
            "the same for every layer: none", "레이어별 설정이 없음";
        FullAttention = "need_full_attention":
            "\"full_attention\" for every layer", "모든 레이어에 \"full_attention\"";
        OneForAllLayers = "need_one_for_all_layers":
            "one setting for all layers", "모든 레이어에 하나의 설정";
        LongFactor = "need_long_factor":
            "a number: what longer prompts would need, it", "더 긴 프롬프트에 필요한 배율";
        LinearFactor = "need_linear_factor":
            "a number: linear scaling divides by it, it", "선형 스케일링이 나누는 수";
        HeadWidth { width: usize } = "need_head_width":
            "{width}, the width over the heads,", "너비를 헤드 수로 나눈 {width}";
        DecoderSettings = "need_decoder_settings":
            "the decoder's settings, it", "디코더 설정";
        EveryPatch = "need_every_patch":
            "\"full\", which keeps every patch of a tower without a class token,",
            "클래스 토큰이 없는 타워의 모든 패치를 쓰는 \"full\"";
        VisionLayer { layers: usize } = "need_vision_layer":
            "one of the {layers} vision layers, counted from either end,",
            "앞이나 뒤에서 센 비전 레이어 {layers}개 중 하나";
        LastLayer = "need_last_layer":
            "-1, the last layer,", "마지막 레이어인 -1";
        WidthDivisor { width: usize } = "need_width_divisor":
            "a divisor of the width {width}", "너비 {width}의 약수";
        GridDivisor { grid: usize } = "need_grid_divisor":
            "a divisor of the {grid} patches along a tile's edge", "타일 한 변의 패치 수 {grid}의 약수";
        OneOverDivisor { grid: usize } = "need_one_over_divisor":
            "one over a divisor of the {grid} patches along a tile's edge",
            "타일 한 변의 패치 수 {grid}의 약수로 1을 나눈 값";
        SquareEdge = "need_square_edge":
            "a square's edge of at most 4096 pixels, once or twice,",
            "한 번 또는 두 번 적은, 4096픽셀 이하인 정사각형의 변";
        AtMostPixels { most: usize } = "need_at_most_pixels":
            "at most {most} pixels", "{most}픽셀 이하";
        AtMostTile { edge: usize } = "need_at_most_tile":
            "at most the edge of a tile, {edge},", "타일의 변 {edge} 이하";
        PatchFits { counts: String, edge: usize } = "need_patch_fits":
            "a patch that fits {counts} times along the edge of {edge} pixels, for which positions are known to be in order,",
            "{edge}픽셀인 변에 {counts}번 들어가, 위치의 순서가 확인된 패치";
        Blocks { last: usize } = "need_blocks":
            "a list of different blocks from 0 to {last}", "0부터 {last}까지의 서로 다른 블록 목록";

        PadOrSquare = "need_pad_or_square":
            "LLaVA-1.5's \"pad\" or \"square\"", "LLaVA-1.5의 \"pad\" 또는 \"square\"";
        Sizes { edge: u32 } = "need_sizes":
            "a list of sizes in multiples of {edge}", "{edge}의 배수인 크기의 목록";
        SizesOfTower { most: usize, edge: u32 } = "need_sizes_of_tower":
            "a list of 1 to {most} sizes, height and width of each in multiples of the vision tower's {edge} up to 15 of them,",
            "높이와 너비가 각각 비전 타워의 {edge}의 15배까지의 배수인 크기 1~{most}개의 목록";
        SizesOfConfig = "need_sizes_of_config":
            "the same list as in config.json", "config.json과 같은 목록";
        AnyRes = "need_anyres":
            "\"anyres_max_\" with a number of tiles", "\"anyres_max_\" 뒤에 타일 수";
        AnyResOfConfig { most: u32 } = "need_anyres_of_config":
            "\"anyres_max_{most}\", as in config.json,", "config.json과 같은 \"anyres_max_{most}\"";
        TowerSquare { edge: u32 } = "need_tower_square":
            "the vision tower's {edge} × {edge}", "비전 타워의 {edge} × {edge}";
        TowerSize { size: String } = "need_tower_size":
            "{size}, the vision tower's,", "비전 타워의 {size}";
        TowerValue { value: usize } = "need_tower_value":
            "the vision tower's {value}", "비전 타워의 {value}";
        TokensOfTile { grid: usize } = "need_tokens_of_tile":
            "the {grid} × {grid} tokens that the model makes of a tile",
            "모델이 타일 하나로 만드는 토큰 수 {grid} × {grid}";
        Crop { edge: u32 } = "need_crop":
            "true: without it pictures do not come out at the vision tower's {edge} × {edge}, so it",
            "true(아니면 이미지가 비전 타워의 {edge} × {edge} 크기로 나오지 않음)";
        NoCropSize = "need_no_crop_size":
            "null, for tiles that are cut whole,", "타일을 온전히 자르므로 null";
        Edges { shortest: String, exact: String, most: u32 } = "need_edges":
            "an edge, {shortest}, or {exact}, from 1 to {most} pixels,",
            "1~{most}픽셀인 변 하나, {shortest} 또는 {exact}";
        AdditionalTokens { dropped: u32, edge: u32 } = "need_additional_tokens":
            "{dropped}: the vision tower gives {edge} × {edge} tokens, it",
            "{dropped}(비전 타워는 토큰 {edge} × {edge}개를 냄)";
        PixelLimits { members: String } = "need_pixel_limits":
            "{members}, the least and the most pixels of a picture,",
            "이미지의 최소 및 최대 픽셀 수인 {members}";
        SpecialTokens = "need_special_tokens":
            "false: special tokens are looked for, so it", "특수 토큰을 찾으므로 false";
    }
}
