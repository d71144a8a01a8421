//! Why the engine refuses a picture, a prompt or a model, and why a run has no room.

use super::{Message, sentences};

sentences! {
    /// Why the engine refuses a picture, a prompt or a model, and why there is no memory for one.
    EngineRefusal {
        PictureEmpty = "picture_file_empty":
            "The picture file is empty.", "이미지 파일이 비어 있습니다.";
        NoPicture = "file_is_no_picture":
            "This file is not a picture the lab can read. PNG, JPEG, WebP, GIF and BMP work.",
            "랩이 읽을 수 있는 이미지 파일이 아닙니다. PNG, JPEG, WebP, GIF, BMP를 쓸 수 있습니다.";
        PictureKind { kind: String } = "picture_kind_unreadable":
            "The lab cannot read this kind of picture ({kind}). PNG and JPEG always work.",
            "랩이 읽을 수 없는 종류의 이미지입니다({kind}). PNG와 JPEG는 언제나 쓸 수 있습니다.";
        PictureDamaged { what: String } = "picture_file_damaged":
            "The picture file is damaged or cut off ({what}). Save it again and retry.",
            "이미지 파일이 손상되었거나 잘렸습니다({what}). 다시 저장한 뒤 시도하세요.";
        SoundEmpty = "sound_file_empty":
            "The sound file has no samples.", "소리 파일에 샘플이 없습니다.";
        NoSound = "file_is_no_sound":
            "This file is not a sound the lab can read: WAV files work. Save it as WAV and try again.",
            "랩이 읽을 수 있는 소리 파일이 아닙니다. WAV 파일을 쓸 수 있습니다. WAV로 저장해 다시 시도하세요.";
        SoundKind { kind: String } = "sound_kind_unreadable":
            "The lab cannot read this kind of sound ({kind}). WAV files of 16 bits always work.",
            "랩이 읽을 수 없는 종류의 소리입니다({kind}). 16비트 WAV 파일은 언제나 쓸 수 있습니다.";
        SoundDamaged { what: String } = "sound_file_damaged":
            "The sound file is damaged or cut off ({what}). Save it again and retry.",
            "소리 파일이 손상되었거나 잘렸습니다({what}). 다시 저장한 뒤 시도하세요.";
        SoundTooLong { seconds: u64, most: u64 } = "sound_too_long":
            "The sound lasts {seconds} seconds; at most {most} are read. Cut it and try again.",
            "소리가 {seconds}초입니다. {most}초까지 읽습니다. 잘라서 다시 시도하세요.";
        SoundRate { rate: u64, least: u64, most: u64 } = "sound_of_other_rate":
            "The sound has {rate} samples a second; from {least} to {most} are read. Convert it, best to 16000, and try again.",
            "소리의 표본율이 초당 {rate}개입니다. {least}개부터 {most}개까지 읽습니다. 되도록 16000개로 바꾸어 다시 시도하세요.";
        SoundTooShort = "sound_too_short":
            "The sound is shorter than 21 milliseconds, of which the model hears nothing. Give a longer one.",
            "소리가 21밀리초보다 짧아 모델이 들을 것이 없습니다. 더 긴 소리를 주세요.";
        HearsNoSounds = "model_hears_no_sounds":
            "This model hears no sounds. Ask it about pictures, or choose a model that hears, such as Qwen2-Audio.",
            "이 모델은 소리를 듣지 못합니다. 이미지로 묻거나 Qwen2-Audio처럼 소리를 듣는 모델을 고르세요.";
        SeesNoPictures = "model_sees_no_pictures":
            "This model sees no pictures, it hears sounds. Ask it about a sound, or choose a model that sees.",
            "이 모델은 이미지를 보지 못하고 소리를 듣습니다. 소리로 묻거나 이미지를 보는 모델을 고르세요.";
        NoNoiseForSounds = "no_noise_for_sounds":
            "A sound can be replaced by silence (blank) or left out (none), not by noise.",
            "소리는 무음(blank)으로 바꾸거나 뺄(none) 수 있지만 잡음으로 바꿀 수는 없습니다.";
        FilmEmpty = "film_file_empty":
            "The film has no frames.", "영상에 프레임이 없습니다.";
        NoFilm = "file_is_no_film":
            "This file is not a film the lab can read. Animated GIF, PNG and WebP files and y4m files work, and frames given one by one as pictures with a rate.",
            "랩이 읽을 수 있는 영상 파일이 아닙니다. 움직이는 GIF, PNG, WebP 파일과 y4m 파일, 또는 초당 프레임 수와 함께 한 장씩 준 프레임을 쓸 수 있습니다.";
        FilmKind { kind: String } = "film_kind_unreadable":
            "The lab cannot read this kind of film ({kind}). Animated GIF files and y4m files of 8 bits (C420, C422, C444) always work.",
            "랩이 읽을 수 없는 종류의 영상입니다({kind}). 움직이는 GIF 파일과 8비트 y4m 파일(C420, C422, C444)은 언제나 쓸 수 있습니다.";
        FilmDamaged { what: String } = "film_file_damaged":
            "The film file is damaged or cut off ({what}). Save it again and retry.",
            "영상 파일이 손상되었거나 잘렸습니다({what}). 다시 저장한 뒤 시도하세요.";
        FilmTooManyFrames { most: u64 } = "film_too_many_frames":
            "The film has more than {most} frames. Cut it or give fewer frames a second, and try again.",
            "영상의 프레임이 {most}개보다 많습니다. 자르거나 초당 프레임 수를 줄여 다시 시도하세요.";
        FilmTooManyPixels { width: u64, height: u64, frames: u64, millions: u64 } = "film_too_many_pixels":
            "The film has {frames} frames of {width} × {height} pixels; at most {millions} million pixels are read in all. Make it smaller or shorter and try again.",
            "영상은 {width} × {height} 픽셀의 프레임 {frames}개입니다. 모두 합해 {millions} × 100만 픽셀까지 읽습니다. 크기나 길이를 줄여 다시 시도하세요.";
        FrameTooManyPixels { width: u64, height: u64, millions: u64 } = "frame_too_many_pixels":
            "A frame has {width} × {height} pixels; at most {millions} million are read. Make the film smaller and try again.",
            "프레임이 {width} × {height} 픽셀입니다. {millions} × 100만 픽셀까지 읽습니다. 영상을 줄여 다시 시도하세요.";
        FramesDiffer { n: u64, width: u64, height: u64, first_width: u64, first_height: u64 } = "frames_of_other_sizes":
            "Frame {n} has {width} × {height} pixels and the first one {first_width} × {first_height}: frames of a film have one size.",
            "{n}번 프레임은 {width} × {height} 픽셀이고 첫 프레임은 {first_width} × {first_height} 픽셀입니다. 한 영상의 프레임은 크기가 같아야 합니다.";
        OfFrame { n: u64, all: u64, what: Message } = "of_frame":
            "Frame {n} of {all}: {what}", "프레임 {all}개 가운데 {n}번: {what}";
        FramesRate { value: String } = "frames_rate_wrong":
            "Frames need their rate: fps, and source_fps where it is given, must be above 0 and at most 1000, not {value}.",
            "프레임에는 초당 프레임 수가 필요합니다. fps와 source_fps는 0보다 크고 1000 이하여야 합니다. 지금 값: {value}.";
        FramesIndices { frames: u64, indices: u64 } = "frames_indices_wrong":
            "There are {frames} frames and {indices} indices: give each frame's number in the film it was taken of, rising, and their rate there (source_fps).",
            "프레임이 {frames}개인데 번호(indices)는 {indices}개입니다. 각 프레임이 원래 영상에서 몇 번째인지 커지는 순서로, 그 영상의 초당 프레임 수(source_fps)와 함께 주세요.";
        FilmTooShort { frames: u64 } = "film_too_short":
            "The film has {frames} frame; the rule qwen-vl-utils takes at least two. Give a longer film, or sample it by another rule (all).",
            "영상의 프레임이 {frames}개입니다. qwen-vl-utils 규칙에는 두 개 이상이 필요합니다. 더 긴 영상을 주거나 다른 규칙(all)으로 고르세요.";
        SeesNoFilms = "model_sees_no_films":
            "This model sees no films. Ask it about a picture, or choose a model that sees films, such as Qwen2.5-VL.",
            "이 모델은 영상을 보지 못합니다. 이미지로 묻거나 Qwen2.5-VL처럼 영상을 보는 모델을 고르세요.";
        TheFilm = "prompts_film": "film", "영상";
        TooManyMedia { n: u64, most: u64 } = "media_more_than_prompt_has":
            "There are {n} pictures, films and sounds; a prompt has at most {most}.",
            "이미지, 영상, 소리가 {n}개입니다. 프롬프트에는 {most}개까지 들어갑니다.";
        TheSound = "prompts_sound": "sound", "소리";
        TooManyPixels { width: u64, height: u64, millions: u64 } = "picture_too_many_pixels":
            "The picture has {width} × {height} pixels; at most {millions} million are accepted. Make it smaller and try again.",
            "이미지가 {width} × {height} 픽셀입니다. {millions} × 100만 픽셀까지 받습니다. 줄여서 다시 시도하세요.";
        PixelsTooDeep { width: u64, height: u64, each: u64, millions: u64 } = "picture_pixels_too_deep":
            "The picture has {width} × {height} pixels of {each} bytes; at most {millions} million of these are accepted. Save it with 8 bits a channel, or make it smaller, and try again.",
            "이미지가 {width} × {height} 픽셀이고 픽셀마다 {each}바이트입니다. 이런 픽셀은 {millions} × 100만 개까지 받습니다. 채널당 8비트로 저장하거나 줄여서 다시 시도하세요.";
        PictureTakesTooMuch = "picture_takes_too_much":
            "Decoding the picture would take more memory than is allowed. Make it smaller.",
            "이미지를 디코딩하려면 허용된 것보다 많은 메모리가 필요합니다. 이미지를 줄이세요.";
        TooNarrowForModel { width: u64, height: u64 } = "picture_too_narrow_for_model":
            "The picture is {width} × {height}; this model reads pictures up to 200 times as long as wide. Crop it and try again.",
            "이미지가 {width} × {height}입니다. 이 모델은 긴 변이 짧은 변의 200배까지인 이미지를 읽습니다. 잘라서 다시 시도하세요.";
        TooNarrowForTiles { width: u64, height: u64 } = "picture_too_narrow_for_tiles":
            "The picture is {width} × {height}: too narrow to be cut into tiles. Leave max_pixels out.",
            "이미지가 {width} × {height}입니다. 타일로 나누기에는 너무 좁습니다. max_pixels를 빼세요.";
        TilesForOnePicture { one: u64 } = "tiles_for_one_picture":
            "This model cuts a picture into tiles only where it is the prompt's only one. Leave max_pixels out (or {one}), or ask about one picture.",
            "이 모델은 프롬프트에 이미지가 하나일 때만 타일로 나눕니다. max_pixels를 빼거나 {one}(으)로 하거나, 이미지 하나로 물으세요.";

        NothingToRankBy = "nothing_to_rank_by":
            "This model has no attention to rank picture tokens by; prune must be 0, or prune_by random.",
            "이 모델에는 이미지 토큰의 순위를 매길 어텐션이 없습니다. prune을 0으로 하거나 prune_by를 random으로 하세요.";
        TooManyPictures { n: u64, most: u64 } = "pictures_more_than_prompt_has":
            "There are {n} pictures; a prompt has at most {most}.",
            "이미지가 {n}장입니다. 프롬프트에는 {most}장까지 들어갑니다.";
        PromptTakes { tokens: u64, media: Message, most: u64, advice: Message } = "prompt_takes_too_many_tokens":
            "The prompt takes {tokens} tokens with its {media}; this model reads at most {most} and needs room for an answer. {advice}.",
            "프롬프트는 {media}를 포함해 토큰 {tokens}개입니다. 이 모델은 {most}개까지 읽으며 답변할 자리도 필요합니다. {advice}.";
        PromptReaches { tokens: u64, next: u64, most: u64, advice: Message } = "prompt_reaches_too_far":
            "The prompt's {tokens} tokens stand at positions up to {next}, those of dropped picture tokens left free; this model reads at most {most} and needs room for an answer. {advice}.",
            "프롬프트의 토큰 {tokens}개는 제거된 이미지 토큰의 자리를 비워 두어 위치 {next}까지 있습니다. 이 모델은 {most}까지 읽으며 답변할 자리도 필요합니다. {advice}.";
        ThePicture = "prompts_picture": "picture", "이미지";
        ThePictures = "prompts_pictures": "pictures", "이미지 여러 장";
        Shorten = "advice_shorten": "Shorten the text", "텍스트를 줄이세요";
        ShortenOrReplicate = "advice_shorten_or_replicate":
            "Shorten the text or replicate the picture less",
            "텍스트를 줄이거나 이미지를 덜 복제하세요";
        ShortenOrRepack = "advice_shorten_or_repack":
            "Shorten the text, re-pack the positions", "텍스트를 줄이거나 위치를 다시 채우세요";
        ShortenRepackOrReplicate = "advice_shorten_repack_or_replicate":
            "Shorten the text, re-pack the positions or replicate the picture less",
            "텍스트를 줄이거나 위치를 다시 채우거나 이미지를 덜 복제하세요";

        ModelNoMemory { name: String, quant: String, need: String, free: Message, would: Message } = "model_no_memory":
            "{name} in {quant} needs about {need} of memory, and {free}. {would} End other programs, take a smaller model, or say with --memory-limit how much may be taken.",
            "{quant}의 {name}에는 메모리가 약 {need} 필요하지만 {free}. {would} 다른 프로그램을 끝내거나 더 작은 모델을 쓰거나, 쓸 수 있는 양을 --memory-limit로 지정하세요.";
        Free { free: String } = "memory_free":
            "{free} are free", "{free}만 비어 있습니다";
        FreeOfGroup { free: String } = "memory_free_of_group":
            "the limit of its control group leaves {free}",
            "제어 그룹(cgroup)의 한도로 {free}만 남아 있습니다";
        FreeOfProcess { free: String } = "memory_free_of_process":
            "the limit of its process leaves {free}", "프로세스의 한도로 {free}만 남아 있습니다";
        FreeOfLimit { free: String } = "memory_free_of_limit":
            "--memory-limit leaves {free}", "--memory-limit로 {free}만 남아 있습니다";
        OtherFits { quant: String, bytes: String } = "other_quant_fits":
            "In {quant} it needs {bytes}.", "{quant}(으)로는 {bytes}가 필요합니다.";
        NoneFits = "no_quant_fits":
            "No quantization of it fits.", "맞는 양자화가 없습니다.";
        RunNoMemory { prompt: u64, new: u64, need: String, free: String, held: String, would: Message } = "run_no_memory":
            "This question takes {prompt} tokens with its picture, and {new} to answer. That needs about {need} of memory, and {free} are free beside the model's {held}. {would}: shorten the text, take a smaller picture (max_pixels) or fewer copies of it, hold the weights in a smaller quantization such as q4k, or end other programs.",
            "이 질문은 이미지를 포함해 토큰 {prompt}개, 답변에 {new}개가 필요합니다. 메모리가 약 {need} 필요하지만 모델의 {held} 외에 {free}만 비어 있습니다({would}). 텍스트를 줄이거나, 더 작은 이미지(max_pixels)나 더 적은 복사본을 쓰거나, q4k 같은 더 작은 양자화를 고르거나, 다른 프로그램을 끝내세요.";
        RunNoMemoryArranged { prompt: u64, new: u64, need: String, arranged: String, free: String, held: String, would: Message } = "run_no_memory_arranged":
            "This question takes {prompt} tokens with its picture, and {new} to answer. That needs about {need} of memory, {arranged} of it for weights as this processor's products read them, and {free} are free beside the model's {held}. {would}: shorten the text, take a smaller picture (max_pixels) or fewer copies of it, hold the weights in a smaller quantization such as q4k, or end other programs.",
            "이 질문은 이미지를 포함해 토큰 {prompt}개, 답변에 {new}개가 필요합니다. 메모리가 약 {need} 필요하지만(그중 {arranged}은(는) 이 프로세서의 곱셈이 읽는 형태의 가중치) 모델의 {held} 외에 {free}만 비어 있습니다({would}). 텍스트를 줄이거나, 더 작은 이미지(max_pixels)나 더 적은 복사본을 쓰거나, q4k 같은 더 작은 양자화를 고르거나, 다른 프로그램을 끝내세요.";
        RunNoGpuMemory { prompt: u64, new: u64, need: String, cache: String, free: String, held: String, would: Message, advice: Message } = "run_no_gpu_memory":
            "This question takes {prompt} tokens with its picture, and {new} to answer. That needs {need} of the GPU's memory ({cache} of it for keys and values), and {free} are free beside the model's {held}. {would}: {advice}, hold the weights in a smaller quantization such as q4k, or end other programs on the GPU.",
            "이 질문은 이미지를 포함해 토큰 {prompt}개, 답변에 {new}개가 필요합니다. GPU 메모리가 {need} 필요하지만(그중 {cache}은(는) 키와 값) 모델의 {held} 외에 {free}만 비어 있습니다({would}). {advice}, q4k 같은 더 작은 양자화를 고르거나, GPU를 쓰는 다른 프로그램을 끝내세요.";
        ShortenTheText = "gpu_shorten": "shorten the text", "텍스트를 줄이거나";
        ShortenAndReplicate = "gpu_shorten_and_replicate":
            "shorten the text, replicate the picture less", "텍스트를 줄이거나, 이미지를 덜 복제하거나";
        NotEvenShort = "not_even_short_fits":
            "Not even a short question fits", "짧은 질문도 들어가지 않습니다";
        SoManyFit { n: u64 } = "so_many_tokens_fit":
            "About {n} tokens would fit", "약 {n}토큰이면 들어갑니다";
        GpuFull = "gpu_full":
            "The GPU's memory is full. End other programs that use it, shorten the prompt, or hold the model's weights in a smaller quantization such as q4k.",
            "GPU 메모리가 가득 찼습니다. GPU를 쓰는 다른 프로그램을 끝내거나 프롬프트를 줄이거나, q4k 같은 더 작은 양자화를 고르세요.";
        ArithmeticFailed { words: String } = "arithmetic_failed":
            "the model's arithmetic failed: {words}", "모델의 계산이 실패했습니다: {words}";
        IsF32 = "uncompared_is_f32":
            "the weights are held in f32 already.", "가중치가 이미 f32입니다.";
        UnknownRoom = "uncompared_unknown_room":
            "this system does not say how much memory is free; --memory-limit says how much may be taken.",
            "이 시스템에서는 빈 메모리를 알 수 없습니다. 쓸 수 있는 양을 --memory-limit로 지정하세요.";

        PromptHoldsImageToken = "prompt_holds_image_token":
            "The prompt holds a token that this model reserves for pictures.",
            "프롬프트에 이 모델이 이미지용으로 쓰는 토큰이 있습니다.";
        TooNarrowToPrepare { width: u32, height: u32 } = "picture_too_narrow_to_prepare":
            "The picture is {width} × {height}: too narrow to be prepared. Crop it and try again.",
            "이미지가 {width} × {height}입니다. 준비하기에는 너무 좁습니다. 잘라서 다시 시도하세요.";
        NotFinite = "model_not_finite":
            "The model produced a number that is not finite. Its weights or their quantization do not work with this input.",
            "모델이 유한하지 않은 수를 냈습니다. 가중치나 그 양자화가 이 입력과 맞지 않습니다.";
        NoCuda = "device_no_cuda":
            "This build has no CUDA; cuda/build.sh makes one that has, and --device cpu runs here.",
            "이 빌드에는 CUDA가 없습니다. cuda/build.sh로 CUDA가 있는 빌드를 만들거나 --device cpu로 여기서 실행하세요.";
        CudaUnusable { number: usize, error: String } = "device_cuda_unusable":
            "CUDA device {number} cannot be used: {error}. --device cpu runs on the processor.",
            "CUDA 장치 {number}을(를) 쓸 수 없습니다: {error}. --device cpu로 프로세서에서 실행할 수 있습니다.";
        NoShape { name: String, shapes: String } = "shape_unknown":
            "There is no shape '{name}'; there are {shapes}.",
            "‘{name}’ 형태는 없습니다. 있는 것: {shapes}.";

        OllamaAdapter { name: String } = "ollama_adapter":
            "{name}: its manifest has an adapter (LoRA), which changes the model's weights: merge it into the model it was made for (in Python, peft's merge_and_unload and save_pretrained) and take that folder, or the model without the adapter",
            "{name}: 매니페스트에 모델의 가중치를 바꾸는 어댑터(LoRA)가 있습니다. 원래 모델에 병합해(Python에서 peft의 merge_and_unload와 save_pretrained) 그 폴더를 쓰거나, 어댑터가 없는 모델을 쓰세요";
        OllamaDamaged { file: String } = "ollama_file_damaged":
            "{file}: is damaged: its content has not the SHA-256 that it is named after; remove it and pull the model again with Ollama",
            "{file}: 손상되었습니다. 내용의 SHA-256이 파일 이름과 다릅니다. 파일을 지우고 Ollama로 모델을 다시 받으세요";
    }
}
