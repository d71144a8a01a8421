//! Why the lab refuses a request, or ends a run that it took.

use super::{Message, sentences};

sentences! {
    /// Why the lab refuses a request, or ends a run that it took.
    LabError {
        Internal = "internal":
            "Something went wrong inside the lab; its log says what.",
            "랩 내부에서 문제가 발생했습니다. 자세한 내용은 랩의 로그에 있습니다.";
        Whole { what: Message } = "whole_sentence":
            "{what}.", "{what}.";
        ShuttingDown = "shutting_down":
            "The lab is shutting down; try again in a moment.",
            "랩이 종료되는 중입니다. 잠시 후 다시 시도하세요.";
        StoppedBeforeEnd = "stopped_before_end":
            "The lab was stopped before this run finished; start it again.",
            "실행이 끝나기 전에 랩이 종료되었습니다. 다시 실행하세요.";
        Restarted = "restarted":
            "The lab was restarted before this run finished.",
            "실행이 끝나기 전에 랩이 다시 시작되었습니다.";
        StorageDamaged = "storage_damaged":
            "What the lab's disk holds of this is damaged: it is not what was written, so it is not shown. Run it again, or restore the lab's data folder from a copy.",
            "랩의 디스크에 저장된 내용이 손상되어 기록한 것과 다르므로 표시하지 않습니다. 다시 실행하거나 랩의 데이터 폴더를 백업에서 복원하세요.";
        NewerVersion { found: u64, known: u64 } = "newer_version":
            "A later version of the lab recorded this run (format {found}; this version knows {known}): update this lab to open it.",
            "더 새로운 버전의 랩이 기록한 실행입니다(형식 {found}, 이 버전이 아는 형식 {known}). 열려면 랩을 업데이트하세요.";
        StorageFull { what: Message } = "storage_full":
            "The lab's data folder has no space left; {what}.",
            "랩의 데이터 폴더에 남은 공간이 없습니다: {what}.";
        RunNotStarted = "run_not_started":
            "the run was not started", "실행을 시작하지 않았습니다";
        RunNotKept = "run_not_kept":
            "this run was not kept", "이 실행은 보관되지 않았습니다";
        RunNotDeleted = "run_not_deleted":
            "the run was not deleted", "실행을 삭제하지 못했습니다";
        RunNameUnchanged = "run_name_unchanged":
            "the run is called what it was", "실행의 이름은 그대로입니다";
        StopNotKept = "stop_not_kept":
            "the run is stopped, which is not kept", "실행은 멈췄지만 기록하지 못했습니다";
        ExperimentUnchanged = "experiment_unchanged":
            "the experiment is as it was", "실험은 그대로입니다";
        ExperimentNotStarted = "experiment_not_started":
            "the experiment was not started", "실험을 시작하지 않았습니다";

        NoAddress = "no_address":
            "There is nothing at this address.", "이 주소에는 아무것도 없습니다.";
        NoMethod = "no_method":
            "This address does not offer that method.", "이 주소는 그 메서드를 제공하지 않습니다.";
        NoRun = "no_run":
            "There is no run at this address; it may have been deleted.",
            "이 주소에는 실행이 없습니다. 삭제되었을 수 있습니다.";
        RunsNotNamed { why: String } = "runs_not_named":
            "What was sent is no list of runs: {why}.", "보낸 내용은 실행 목록이 아닙니다: {why}.";
        TooManyListed { most: u64 } = "too_many_listed":
            "At most {most} runs are told of at once; ask for the rest after them.",
            "한 번에 최대 {most}개의 실행을 알려 줍니다. 나머지는 그다음에 요청하세요.";
        RunListTooLarge { kib: u64 } = "run_list_too_large":
            "The list of runs is larger than {kib} KiB.", "실행 목록이 {kib} KiB보다 큽니다.";
        NoExperiment = "no_experiment":
            "There is no experiment at this address; it may have been deleted.",
            "이 주소에는 실험이 없습니다. 삭제되었을 수 있습니다.";
        NoExperiments = "no_experiments":
            "This lab runs no experiments.", "이 랩은 실험을 실행하지 않습니다.";
        NoItem = "no_item":
            "This experiment has no item of that number.", "이 실험에는 그 번호의 항목이 없습니다.";
        ItemModelGone = "item_model_gone":
            "The model that this experiment ran is no longer on this machine.",
            "이 실험이 실행한 모델이 더 이상 이 컴퓨터에 없습니다.";
        NoSuchPlot = "no_such_plot":
            "There is no such plot: name layers, prune or replicate, as .svg or .png.",
            "그런 그림은 없습니다. layers, prune, replicate 중 하나를 .svg나 .png로 지정하세요.";
        NothingToDraw = "nothing_to_draw":
            "There is nothing to draw: nothing was measured yet, or this lever was not moved.",
            "그릴 것이 없습니다. 아직 측정된 것이 없거나 이 값을 바꾸지 않았습니다.";
        NothingObserved = "nothing_observed":
            "Nothing was observed of this run (yet).", "이 실행에서 (아직) 관찰된 것이 없습니다.";
        NoPictureShown = "no_picture_shown":
            "The model was shown no picture in this run.", "이 실행에서는 모델에 이미지를 보여 주지 않았습니다.";
        PictureNotPrepared = "picture_not_prepared":
            "The model has not prepared this run's picture (yet).", "모델이 이 실행의 이미지를 (아직) 준비하지 않았습니다.";
        NoSamplePicture = "no_sample_picture":
            "There is no sample picture of that name.", "그런 이름의 예시 이미지가 없습니다.";
        NoHead { last: u64 } = "no_head":
            "The run's model has no such head: its heads are 0 to {last}.",
            "이 실행의 모델에는 그런 헤드가 없습니다. 헤드는 0부터 {last}까지입니다.";
        NoLayer { last: u64 } = "no_layer":
            "The run's model has no such layer: its layers are 0 to {last}.",
            "이 실행의 모델에는 그런 레이어가 없습니다. 레이어는 0부터 {last}까지입니다.";
        NoTokenOfAnswer { tokens: u64 } = "no_token_of_answer":
            "The run's answer has no such token: it has {tokens}, counted from 0.",
            "이 실행의 답변에는 그런 토큰이 없습니다. 토큰은 {tokens}개이고 0부터 셉니다.";
        NoSuchMedium { media: u64 } = "no_such_medium":
            "The run's prompt has no picture of that number: it has {media}, counted from 1.",
            "이 실행의 프롬프트에는 그 번호의 이미지가 없습니다. 이미지는 {media}개이고 1부터 셉니다.";
        NoMap = "no_map":
            "The run's prompt has no picture that a map could lie on: ask for curve, heads, flow, words or tokens.",
            "이 실행의 프롬프트에는 지도를 얹을 이미지가 없습니다. curve, heads, flow, words, tokens 중 하나를 지정하세요.";
        ATheme = "a_theme": "theme", "테마";
        APlot = "a_plot": "plot", "그림";
        ACurve = "a_curve": "curve", "곡선";
        ACount = "a_count": "way of counting", "세는 방법";
        ALanguage = "a_language": "language", "언어";
        ALayers = "a_range_of_layers": "range of layers", "레이어 범위";
        TooManyCompared { most: u64 } = "too_many_compared":
            "At most {most} runs can be drawn beside each other: name fewer in runs=A,B.",
            "나란히 그릴 수 있는 실행은 최대 {most}개입니다. runs=A,B에 더 적게 적으세요.";
        NoneCompared = "none_compared":
            "No run is named: name those to be drawn beside each other, as in runs=A,B.",
            "실행이 없습니다. runs=A,B처럼 나란히 그릴 실행을 적으세요.";
        NoneOfThat { what: Message, name: String, choices: String } = "none_of_that":
            "There is no {what} \"{name}\"; name one of {choices}.",
            "{what} \"{name}\"은(는) 없습니다. {choices} 중에서 고르세요.";
        NotRunOwner = "not_run_owner":
            "Only the one who started this run can do that.", "이 실행을 시작한 사람만 할 수 있습니다.";
        NotExperimentOwner = "not_experiment_owner":
            "Only the one who started this experiment can do that.", "이 실험을 시작한 사람만 할 수 있습니다.";

        UnknownHost { shown: String } = "unknown_host":
            "This lab does not go by the name \"{shown}\". Open it by its own address, or have it started with --origin https://{shown} (or http://, as it is opened) if that is its public one.",
            "이 랩의 이름은 \"{shown}\"이(가) 아닙니다. 랩의 원래 주소로 여세요. 그것이 공개 주소라면 --origin https://{shown}(또는 여는 대로 http://)로 랩을 시작해야 합니다.";
        NoHost = "no_host":
            "The request does not say readably, and once, which host it is for.",
            "요청이 어느 호스트를 향한 것인지 읽을 수 있게 한 번 밝히지 않았습니다.";
        ForeignPage = "foreign_page":
            "This request comes from another website's page; use the lab's own. If this is the lab's own, behind a proxy, start the lab with --origin and the address in the browser's bar.",
            "다른 웹사이트의 페이지가 보낸 요청입니다. 랩 자체의 페이지를 사용하세요. 프록시 뒤에 있는 랩의 페이지라면 --origin과 브라우저 주소창의 주소로 랩을 시작하세요.";
        NotAWebsocket { why: String } = "not_a_websocket":
            "This address is a websocket: {why}.", "이 주소는 웹소켓입니다: {why}.";
        UnreadableMessage { why: String } = "unreadable_message":
            "The message could not be read: {why}.", "메시지를 읽을 수 없습니다: {why}.";
        UnreadableRequest { why: String } = "unreadable_request":
            "{why}.", "요청을 읽을 수 없습니다: {why}.";

        NotHttp = "not_http":
            "This is no request of HTTP/1.1 that can be read; check the address, and whether it begins with http:// or https://.",
            "읽을 수 있는 HTTP/1.1 요청이 아닙니다. 주소와, 주소가 http://로 시작하는지 https://로 시작하는지 확인하세요.";
        HeadTooLarge { kib: u64, lines: u64 } = "head_too_large":
            "The request's address and headers are larger than {kib} KiB, or more than {lines} lines; shorten the address, or delete this site's cookies.",
            "요청의 주소와 헤더가 {kib} KiB보다 크거나 {lines}줄을 넘습니다. 주소를 줄이거나 이 사이트의 쿠키를 삭제하세요.";
        HeadTooSlow { seconds: u64 } = "head_too_slow":
            "The request's address and headers did not come whole within {seconds} seconds; try again on a better connection.",
            "요청의 주소와 헤더가 {seconds}초 안에 다 오지 않았습니다. 더 나은 연결에서 다시 시도하세요.";
        WrongContentType { found: String, wanted: String } = "wrong_content_type":
            "What was sent is said to be {found}; this address takes {wanted}.",
            "보낸 내용이 {found}(이)라고 되어 있습니다. 이 주소는 {wanted}을(를) 받습니다.";
        NoContentType { wanted: String } = "no_content_type":
            "It is not said what was sent; this address takes {wanted}.",
            "무엇을 보냈는지 밝히지 않았습니다. 이 주소는 {wanted}을(를) 받습니다.";
        PackedBody { how: String } = "packed_body":
            "What was sent is packed ({how}), which the lab does not unpack; send it as it is.",
            "보낸 내용이 압축되어 있습니다({how}). 랩은 압축을 풀지 않으니 그대로 보내세요.";
        TooSlow { seconds: u64, rate: u64, minutes: u64 } = "too_slow":
            "What was sent came too slowly: the lab waits {seconds} seconds and then wants {rate} KiB a second, and all of it within {minutes} minutes. Try again on a better connection, or with a smaller picture.",
            "전송이 너무 느렸습니다. 랩은 {seconds}초를 기다린 뒤 초당 {rate} KiB, 전체를 {minutes}분 안에 받아야 합니다. 더 나은 연결에서, 또는 더 작은 이미지로 다시 시도하세요.";
        TooManyConnections = "too_many_connections":
            "Too many connections are open from your network; close some of the lab's tabs and try again.",
            "이 네트워크에서 열린 연결이 너무 많습니다. 랩의 탭을 몇 개 닫고 다시 시도하세요.";
        ConnectionsFull = "connections_full":
            "The lab has as many visitors as it can serve; try again in a moment.",
            "랩이 감당할 수 있는 방문자 수가 찼습니다. 잠시 후 다시 시도하세요.";
        ReadersFull = "readers_full":
            "Others are reading as much from the lab as it can hold at once; try again in a moment.",
            "다른 사람들이 랩이 한 번에 내줄 수 있는 만큼 읽고 있습니다. 잠시 후 다시 시도하세요.";
        DrawingFull = "drawing_full":
            "Others are having as much drawn as the lab draws at once; try again in a moment.",
            "다른 사람들이 랩이 한 번에 그릴 수 있는 만큼 그리게 하고 있습니다. 잠시 후 다시 시도하세요.";
        RequestsTooOften = "requests_too_often":
            "Your address asks the lab too often; wait a moment.", "이 주소에서 랩에 너무 자주 요청했습니다. 잠시 기다리세요.";
        PicturesAtOnce { n: u64 } = "pictures_at_once":
            "{n} pictures are being sent from your address at once; send this one in a moment.",
            "이 주소에서 이미지 {n}장을 동시에 보내고 있습니다. 이 이미지는 잠시 후에 보내세요.";
        UploadsFull = "uploads_full":
            "Too many pictures are being sent to the lab at once; send yours in a moment.",
            "너무 많은 이미지가 동시에 랩으로 전송되고 있습니다. 잠시 후에 보내세요.";
        PagesAtOnce { n: u64 } = "pages_at_once":
            "{n} pages are open at your address, as many as one address may have; close some.",
            "이 주소에서 페이지 {n}개가 열려 있습니다. 한 주소에 허용된 최대입니다. 몇 개를 닫으세요.";
        PagesFull = "pages_full":
            "Too many pages look at this lab at once; try again in a moment.",
            "너무 많은 페이지가 동시에 이 랩을 보고 있습니다. 잠시 후 다시 시도하세요.";
        QueueFull = "queue_full":
            "Too many runs are waiting; try again in a moment.", "대기 중인 실행이 너무 많습니다. 잠시 후 다시 시도하세요.";
        RunsWaiting { n: u64 } = "runs_waiting":
            "{n} runs that were asked for at your address wait already; try again when one is done.",
            "이 주소에서 요청한 실행 {n}개가 이미 대기 중입니다. 하나가 끝나면 다시 시도하세요.";
        RepeatedRunWaiting = "repeated_run_waiting":
            "A run that is asked several times was asked for at your address and waits already, and only one may: try again when it is done, stop it, or ask once.",
            "이 주소에서 여러 번 묻는 실행이 이미 대기 중이며, 한 번에 하나만 기다릴 수 있습니다. 끝나면 다시 시도하거나, 멈추거나, 한 번만 물으세요.";
        DiskPart { part: u64, day: u64 } = "disk_part":
            "Runs asked for at your address have filled their part of the lab's disk, {part} MiB and {day} MiB more each day; try again later, or have it raised with --per-client disk=….",
            "이 주소에서 요청한 실행이 랩 디스크의 몫({part} MiB, 매일 {day} MiB 추가)을 다 썼습니다. 나중에 다시 시도하거나 --per-client disk=…로 몫을 늘려 달라고 하세요.";
        ExperimentsUnfinished { n: u64 } = "experiments_unfinished":
            "{n} experiments that were asked for at your address are not finished yet; cancel one, or try again later.",
            "이 주소에서 요청한 실험 {n}개가 아직 끝나지 않았습니다. 하나를 취소하거나 나중에 다시 시도하세요.";
        ExperimentsFull { n: u64 } = "experiments_full":
            "{n} experiments are at work, and the lab takes no more until one is done, paused or cancelled; try again later.",
            "실험 {n}개가 진행 중이며, 하나가 끝나거나 일시 정지되거나 취소될 때까지 랩은 더 받지 않습니다. 나중에 다시 시도하세요.";

        PictureMissing = "picture_missing":
            "Choose a picture to ask about.", "질문할 이미지를 선택하세요.";
        PictureTooLarge { mib: u64 } = "picture_too_large":
            "The picture file is larger than {mib} MiB; choose a smaller one.",
            "이미지 파일이 {mib} MiB보다 큽니다. 더 작은 파일을 선택하세요.";
        PicturesTooLarge { mib: u64 } = "pictures_too_large":
            "The picture files are larger than {mib} MiB together; choose smaller ones.",
            "이미지 파일을 합치면 {mib} MiB보다 큽니다. 더 작은 파일을 선택하세요.";
        PicturesTooManyPixels { millions: u64 } = "pictures_too_many_pixels":
            "The pictures have more than {millions} million pixels together; choose smaller ones.",
            "이미지의 픽셀을 합치면 {millions} × 100만 개를 넘습니다. 더 작은 이미지를 선택하세요.";
        PictureTooNarrow { width: u64, height: u64, most: u64 } = "picture_too_narrow":
            "The picture is {width} × {height}; the longer side may be at most {most} times the shorter one. Crop it and try again.",
            "이미지의 크기가 {width} × {height}입니다. 긴 변은 짧은 변의 {most}배까지만 가능합니다. 이미지를 잘라서 다시 시도하세요.";
        PictureNoMemory { need: String, free: String } = "picture_no_memory":
            "Decoding the picture takes about {need} of memory, and {free} are left to the lab. Send a smaller picture, or try again when the lab has less to do; who runs it can give it more with --memory-limit.",
            "이미지를 디코딩하려면 메모리가 약 {need} 필요한데 랩에 남은 메모리는 {free}입니다. 더 작은 이미지를 보내거나 랩이 덜 바쁠 때 다시 시도하세요. 랩을 운영하는 사람은 --memory-limit으로 메모리를 늘릴 수 있습니다.";
        NoModelHere = "no_model_here":
            "There is no model here, so no run can be started: start the lab with --models and a folder of models.",
            "모델이 없어 실행을 시작할 수 없습니다. --models와 모델 폴더를 지정해 랩을 시작하세요.";
        NoModelFits { name: String, quant: String, need: String, most: String } = "no_model_fits":
            "No model fits the {most} of memory that the lab may take, so no run can be started: the smallest, {name} in {quant}, needs about {need}. Start the lab with a larger --memory-limit, or on a machine with more memory.",
            "랩이 쓸 수 있는 메모리 {most}에 맞는 모델이 없어 실행을 시작할 수 없습니다. 가장 작은 {name}({quant})에도 약 {need}이(가) 필요합니다. 더 큰 --memory-limit으로, 또는 메모리가 더 많은 컴퓨터에서 랩을 시작하세요.";
        DefaultModelTooLarge { name: String, quant: String, need: String, most: String } = "default_model_too_large":
            "The model that runs when none is named, {name} in {quant}, needs about {need}, more than the {most} of memory that the lab may take. Start the lab with a larger --memory-limit, or name a smaller one with --model.",
            "모델을 지정하지 않으면 실행되는 {name}({quant})에는 약 {need}이(가) 필요한데 랩이 쓸 수 있는 메모리는 {most}입니다. 더 큰 --memory-limit으로 랩을 시작하거나 --model로 더 작은 모델을 지정하세요.";
        ModelNotUnpacked { name: String, what: Message } = "model_not_unpacked":
            "The model {name}, which the lab carries inside, is not unpacked: {what}. The lab tries again by itself, once a minute and when the model is asked for.",
            "랩에 들어 있는 모델 {name}의 압축을 풀지 못했습니다: {what}. 랩이 1분마다, 그리고 모델이 요청될 때 스스로 다시 시도합니다.";
        CacheFull = "cache_full":
            "the disk of the lab's cache folder has no space left",
            "랩의 캐시 폴더가 있는 디스크에 남은 공간이 없습니다";
        CacheReadOnly = "cache_read_only":
            "the lab's cache folder is on a disk that can only be read",
            "랩의 캐시 폴더가 읽기 전용 디스크에 있습니다";
        CacheForbidden = "cache_forbidden":
            "the lab has no right to write to its cache folder",
            "랩에 캐시 폴더에 쓸 권한이 없습니다";
        CacheUnusable { why: String } = "cache_unusable":
            "the lab's cache folder cannot be written: {why}",
            "랩의 캐시 폴더에 쓸 수 없습니다: {why}";
        OfPicture { n: u64, all: u64, what: Message } = "of_picture":
            "Picture {n} of {all}: {what}", "이미지 {all}장 중 {n}번째: {what}";
        TooManyPictures { most: u64 } = "too_many_pictures":
            "A prompt has at most {most} pictures.", "프롬프트에는 이미지가 {most}장까지 들어갑니다.";
        TooManyFields = "too_many_fields":
            "The form has too many fields.", "양식에 필드가 너무 많습니다.";
        OptionsTwice = "options_twice":
            "The form has more than one field \"options\".", "양식에 \"options\" 필드가 두 개 이상입니다.";
        NoOptions = "no_options":
            "The form has no field \"options\".", "양식에 \"options\" 필드가 없습니다.";
        UnknownField { name: String } = "unknown_field":
            "The form has an unknown field \"{name}\".", "양식에 알 수 없는 필드 \"{name}\"이(가) 있습니다.";
        OptionsTooLarge { kib: u64 } = "options_too_large":
            "The options are larger than {kib} KiB; shorten the question.", "옵션이 {kib} KiB보다 큽니다. 질문을 줄이세요.";
        NotAForm { why: String } = "not_a_form":
            "{why}; send the picture and the options as a form.", "{why}. 이미지와 옵션을 양식으로 보내세요.";
        OptionsNotJson { why: String } = "options_not_json":
            "The options are not JSON: {why}.", "옵션이 JSON이 아닙니다: {why}.";
        OptionsNoObject = "options_no_object":
            "The options are not usable: they must be a JSON object.", "옵션을 쓸 수 없습니다. JSON 객체여야 합니다.";
        OptionsUnusable { why: String } = "options_unusable":
            "The options are not usable: {why}.", "옵션을 쓸 수 없습니다: {why}.";
        LabelTooLarge { kib: u64 } = "label_too_large":
            "The name and note are larger than {kib} KiB; shorten them.", "이름과 메모가 {kib} KiB보다 큽니다. 줄이세요.";
        LabelNotJson { why: String } = "label_not_json":
            "The change is not JSON: {why}; send a JSON object with \"name\", \"note\" or both, each a text.",
            "변경 내용이 JSON이 아닙니다: {why}. \"name\"이나 \"note\" 또는 둘 다를 글로 담은 JSON 객체를 보내세요.";
        LabelNoObject = "label_no_object":
            "The change is no object; send a JSON object with \"name\", \"note\" or both, each a text.",
            "변경 내용이 객체가 아닙니다. \"name\"이나 \"note\" 또는 둘 다를 글로 담은 JSON 객체를 보내세요.";
        LabelUnusable { why: String } = "label_unusable":
            "The change is not usable: {why}; send a JSON object with \"name\", \"note\" or both, each a text.",
            "변경 내용을 쓸 수 없습니다: {why}. \"name\"이나 \"note\" 또는 둘 다를 글로 담은 JSON 객체를 보내세요.";
        NoDefinition { name: String, choices: String } = "no_definition":
            "There is no definition \"{name}\"; name one of {choices}, or give one as JSON.",
            "\"{name}\" 정의는 없습니다. {choices} 중에서 고르거나 JSON으로 지정하세요.";
        DefinitionUnusable { why: String } = "definition_unusable":
            "The definition is not usable: {why}.", "정의를 쓸 수 없습니다: {why}.";
        SidesUnusable { sides: String, why: String } = "sides_unusable":
            "The definition's sides \"{sides}\" are not usable: {why}.", "정의의 양쪽 \"{sides}\"을(를) 쓸 수 없습니다: {why}.";
        ModelUnusable { model: String } = "model_unusable":
            "The model \"{model}\" cannot be used: its files are missing, damaged or do not fit together; the lab's log says more.",
            "모델 \"{model}\"을(를) 쓸 수 없습니다. 파일이 없거나 손상되었거나 서로 맞지 않습니다. 자세한 내용은 랩의 로그에 있습니다.";

        ExperimentTooLarge { kib: u64 } = "experiment_too_large":
            "The experiment is larger than {kib} KiB; shorten its lists.", "실험이 {kib} KiB보다 큽니다. 목록을 줄이세요.";
        ExperimentNotJson { why: String } = "experiment_not_json":
            "The experiment is not JSON: {why}.", "실험이 JSON이 아닙니다: {why}.";
        ExperimentNoObject = "experiment_no_object":
            "The experiment is not usable: it must be a JSON object.", "실험을 쓸 수 없습니다. JSON 객체여야 합니다.";
        ExperimentUnusable { why: String } = "experiment_unusable":
            "The experiment is not usable: {why}.", "실험을 쓸 수 없습니다: {why}.";
        TooManyConditions { n: u64, most: u64 } = "too_many_conditions":
            "That is {n} conditions; over the network an experiment has at most {most}. Shorten a list.",
            "조건이 {n}개입니다. 네트워크로는 실험 하나에 {most}개까지 가능합니다. 목록을 줄이세요.";
        TooManyItems { n: u64, most: u64 } = "too_many_items":
            "That is {n} runs; over the network an experiment has at most {most}. Draw fewer samples, or start it on the lab's machine with `langoverrule experiment`.",
            "실행이 {n}회입니다. 네트워크로는 실험 하나에 {most}회까지 가능합니다. 샘플을 줄이거나 랩의 컴퓨터에서 `langoverrule experiment`로 시작하세요.";
        VerifyIsForRuns = "verify_is_for_runs":
            "verify belongs to a single run: verify one of the samples.", "verify는 단일 실행에만 쓸 수 있습니다. 샘플 하나를 검증하세요.";
        RepeatIsForRuns = "repeat_is_for_runs":
            "repeat belongs to a single run: ask one of the samples several times, or give the experiment a temperature.", "repeat은 단일 실행에만 쓸 수 있습니다. 샘플 하나를 여러 번 묻거나 실험에 temperature를 지정하세요.";
        TwoModels { name: String, one: String, other: String } = "two_models":
            "Two models are called {name}: {one} and {other}. Tables could not tell them apart; rename one.",
            "두 모델의 이름이 {name}입니다: {one}, {other}. 표에서 구별할 수 없으니 하나의 이름을 바꾸세요.";
        TitleTooLong { most: u64 } = "title_too_long":
            "The title must be one line of at most {most} characters.", "제목은 {most}자 이하의 한 줄이어야 합니다.";
        DatasetEmpty { name: String } = "dataset_empty":
            "The dataset {name} has no rows.", "{name} 데이터셋에 행이 없습니다.";

        NoModelToPull = "no_model_to_pull":
            "There is no model of that name to pull.", "내려받을 수 있는 그런 이름의 모델이 없습니다.";
        PullNotAllowed = "pull_not_allowed":
            "This lab pulls no models on request: use `langoverrule models pull` on its machine, or start it with --allow-pull.",
            "이 랩은 요청으로 모델을 내려받지 않습니다. 랩의 컴퓨터에서 `langoverrule models pull`을 쓰거나 --allow-pull로 랩을 시작하세요.";
        PullBusy { name: String } = "pull_busy":
            "{name} is being pulled; wait for it or stop it first.", "{name}을(를) 내려받는 중입니다. 끝날 때까지 기다리거나 먼저 멈추세요.";
        NotPullOwner = "not_pull_owner":
            "Only the one who asked for this model can stop it.", "이 모델을 요청한 사람만 멈출 수 있습니다.";
        NotPulling = "not_pulling":
            "This model is not being pulled.", "이 모델은 내려받는 중이 아닙니다.";

        ClassesHeld { n: u64 } = "classes_held":
            "{n} classes that were opened at your address are held; end one, or try again later.",
            "이 주소에서 연 수업 {n}개가 진행 중입니다. 하나를 끝내거나 나중에 다시 시도하세요.";
        ClassesFull = "classes_full":
            "Too many classes are held at once; try again in a minute.",
            "동시에 진행 중인 수업이 너무 많습니다. 잠시 후 다시 시도하세요.";
        NoClass = "no_class":
            "There is no class of that code; check its nine signs, or it may be over.",
            "그 코드의 수업이 없습니다. 아홉 자리를 확인하세요. 이미 끝난 수업일 수 있습니다.";
        ClassLost = "class_lost":
            "The lab was restarted and could not bring this class back: what its disk holds of it is damaged. Open another one.",
            "랩이 다시 시작되었지만 이 수업을 되살리지 못했습니다. 디스크에 저장된 내용이 손상되었습니다. 새 수업을 여세요.";
        ClassNotKept = "class_not_kept":
            "a restart would end this class", "랩이 다시 시작되면 이 수업은 끝납니다";
        ClassNotWritten = "class_not_written":
            "The lab could not write this class to its disk: a restart would end it.",
            "랩이 이 수업을 디스크에 기록하지 못했습니다. 다시 시작되면 수업이 끝납니다.";
        NoAnswerToThis = "no_answer_to_this":
            "That is no answer to this question.", "이 질문에 대한 답이 아닙니다.";
        ClassNameTooLong { most: u64 } = "class_name_too_long":
            "The name is longer than {most} characters.", "이름이 {most}자보다 깁니다.";
        NoRecord = "no_record":
            "There is no record of a class of that code; they are kept for seven days.",
            "그 코드의 수업 기록이 없습니다. 기록은 7일 동안 보관됩니다.";
        ClassOver = "class_over":
            "This class is over.", "이 수업은 끝났습니다.";
        ClassFull = "class_full":
            "This class is full; look on with somebody.", "이 수업은 자리가 찼습니다. 다른 사람과 함께 보세요.";
        ClassSeats { n: u64 } = "class_seats":
            "{n} seats of this class are taken from your address, as many as one address may have; look on with somebody.",
            "이 주소에서 이 수업의 자리 {n}개를 쓰고 있습니다. 한 주소에 허용된 최대입니다. 다른 사람과 함께 보세요.";
        ClassPages = "class_pages":
            "This browser follows the class on too many pages; close one.",
            "이 브라우저가 너무 많은 페이지에서 수업을 따라가고 있습니다. 하나를 닫으세요.";
        OtherQuestion = "other_question":
            "The class is at another question; guess again.", "수업이 다른 질문으로 넘어갔습니다. 다시 예측하세요.";
        GuessesClosed = "guesses_closed":
            "Guesses of this question are closed.", "이 질문의 예측은 마감되었습니다.";
        GuessesTooOften = "guesses_too_often":
            "Your address guesses too often; wait a moment.", "이 주소에서 너무 자주 예측했습니다. 잠시 기다리세요.";
        FollowerName = "follower_name":
            "A follower's name is 16 to 64 letters, digits and dashes.", "참가자 이름은 글자, 숫자, 붙임표 16~64자입니다.";
        OnlyLooks = "only_looks":
            "This connection only looks: join with a follower's name to guess.",
            "이 연결은 보기만 합니다. 예측하려면 참가자 이름으로 들어오세요.";
        NotPresenter = "not_presenter":
            "Only the presenter of this class can do that.", "이 수업의 진행자만 할 수 있습니다.";
    }
}
