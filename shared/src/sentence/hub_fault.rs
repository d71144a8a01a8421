//! Why a model or a dataset does not come from the hub.

use super::{Localized, Message, sentences};

sentences! {
    /// Why a model or a dataset does not come from the hub.
    HubFault {
        BadName { name: String } = "hub_bad_name":
            "\"{name}\" is no repository; name one as ORGANISATION/NAME or ORGANISATION/NAME@REVISION",
            "\"{name}\"은(는) 저장소가 아닙니다. ORGANISATION/NAME이나 ORGANISATION/NAME@REVISION으로 지정하세요";
        BadEndpoint = "hub_bad_endpoint":
            "HF_ENDPOINT is not a web address; it should look like https://huggingface.co",
            "HF_ENDPOINT가 웹 주소가 아닙니다. https://huggingface.co와 같은 형태여야 합니다";
        Offline { wanted: Message } = "hub_offline":
            "{wanted} is not on this machine, and HF_HUB_OFFLINE says not to ask the hub; unset it to pull",
            "{wanted}이(가) 이 컴퓨터에 없고 HF_HUB_OFFLINE이 허브에 묻지 않도록 합니다. 내려받으려면 그 설정을 없애세요";
        FolderOf { folder: String, repo: String } = "hub_folder_of":
            "the folder '{folder}' of {repo}", "{repo}의 '{folder}' 폴더";
        Unreachable = "hub_unreachable":
            "the hub cannot be reached; check the network, the proxy settings and HF_ENDPOINT",
            "허브에 연결할 수 없습니다. 네트워크, 프록시 설정, HF_ENDPOINT를 확인하세요";
        NotAHub = "hub_not_a_hub":
            "what answers at HF_ENDPOINT is no Hugging Face hub; it should look like https://huggingface.co, without a path",
            "HF_ENDPOINT에서 응답하는 것은 Hugging Face 허브가 아닙니다. 경로 없이 https://huggingface.co와 같은 형태여야 합니다";
        Gated { repo: String, advice: Localized } = "hub_gated":
            "{repo} is gated: accept its terms on its page on the hub, then {advice}",
            "{repo}은(는) 접근이 제한되어 있습니다. 허브의 페이지에서 약관에 동의한 뒤 {advice}";
        WaitForOwner = "hub_wait_for_owner":
            "wait until its owner lets you in (the token in HF_TOKEN was sent, and is not enough)",
            "소유자가 허용할 때까지 기다리세요(HF_TOKEN의 토큰을 보냈지만 충분하지 않습니다)";
        SetToken = "hub_set_token":
            "set HF_TOKEN to a token of your account and pull again",
            "HF_TOKEN에 계정의 토큰을 설정하고 다시 내려받으세요";
        Denied { repo: String, advice: Localized } = "hub_denied":
            "the hub refuses access to {repo}: {advice}",
            "허브가 {repo}에 대한 접근을 거부합니다: {advice}";
        TokenRefused = "hub_token_refused":
            "the token in HF_TOKEN is wrong, has expired or may not read it",
            "HF_TOKEN의 토큰이 틀렸거나 만료되었거나 읽을 권한이 없습니다";
        PrivateOrNone = "hub_private_or_none":
            "it is private or does not exist; if it is yours, set HF_TOKEN",
            "비공개이거나 없는 저장소입니다. 본인의 것이라면 HF_TOKEN을 설정하세요";
        NoRepository { kind: Localized, repo: String, advice: Localized } = "hub_no_repository":
            "the hub has no {kind} repository {repo}; {advice}",
            "허브에 {kind} 저장소 {repo}이(가) 없습니다. {advice}";
        AModel = "hub_a_model": "model", "모델";
        ADataset = "hub_a_dataset": "dataset", "데이터셋";
        CheckSpelling = "hub_check_spelling":
            "check the spelling", "철자를 확인하세요";
        CheckSpellingOrToken = "hub_check_spelling_or_token":
            "check the spelling, or set HF_TOKEN if it is a private one",
            "철자를 확인하거나, 비공개 저장소라면 HF_TOKEN을 설정하세요";
        NoRevision { repo: String, revision: String } = "hub_no_revision":
            "{repo} has no revision \"{revision}\"; the usual one is main",
            "{repo}에 리비전 \"{revision}\"이(가) 없습니다. 보통은 main입니다";
        NoFile { repo: String, file: String } = "hub_no_file":
            "{repo} has no file {file}", "{repo}에 {file} 파일이 없습니다";
        Busy { status: u32 } = "hub_busy":
            "the hub answers with status {status}; try again later",
            "허브가 상태 {status}(으)로 응답합니다. 나중에 다시 시도하세요";
        NoSpace { needed: String, free: String } = "hub_no_space":
            "there is not enough room for it: {needed} more are needed, the disk has {free} left; make room, or set HF_HOME to a folder on another disk",
            "공간이 부족합니다. {needed}이(가) 더 필요한데 디스크에 {free}이(가) 남았습니다. 공간을 만들거나 HF_HOME을 다른 디스크의 폴더로 설정하세요";
        Full = "hub_disk_full":
            "the disk that holds the cache of the hub's files is full; make room and pull again: it goes on where it stopped",
            "허브 파일의 캐시가 있는 디스크가 가득 찼습니다. 공간을 만들고 다시 내려받으세요. 멈춘 곳에서 계속됩니다";
        Cut { file: String, at: String, total: String } = "hub_cut":
            "the transfer of {file} was cut at {at} of {total}, and again each time it was continued; what came is kept: pull again to continue there",
            "{file}의 전송이 {total} 중 {at}에서 끊겼고 이어받을 때마다 다시 끊겼습니다. 받은 부분은 보관되니 다시 내려받으면 그곳에서 계속됩니다";
        Damaged { file: String, what: Localized } = "hub_damaged":
            "{file} came damaged: {what}; it was thrown away: pull again to fetch it anew",
            "{file}이(가) 손상되어 도착했습니다: {what}. 버렸으니 다시 내려받으세요";
        Checksum { got: String, named: String } = "hub_checksum":
            "its checksum is {got}, the hub names {named}",
            "체크섬은 {got}인데 허브가 알린 것은 {named}입니다";
        Mismatch { file: String, what: Localized } = "hub_mismatch":
            "the server does not send {file} as the hub announced it: {what}; does a proxy or a login page stand in between? What came before is kept",
            "서버가 {file}을(를) 허브가 알린 대로 보내지 않습니다: {what}. 중간에 프록시나 로그인 페이지가 있습니까? 전에 받은 부분은 보관됩니다";
        OtherPart = "hub_other_part":
            "it sends another part than asked for, or of another file",
            "요청한 것과 다른 부분이나 다른 파일을 보냅니다";
        OtherSize = "hub_other_size":
            "its size is another", "크기가 다릅니다";
        NoPart = "hub_no_part":
            "it sends neither the part asked for nor a size", "요청한 부분도 크기도 보내지 않습니다";
        Less = "hub_less":
            "it has less of it", "더 적게 가지고 있습니다";
        More = "hub_more":
            "it sends more than it announced", "알린 것보다 많이 보냅니다";
        Locked { file: String } = "hub_locked":
            "another program is fetching {file} at the moment; wait for it, then pull again",
            "다른 프로그램이 지금 {file}을(를) 받고 있습니다. 끝난 뒤 다시 내려받으세요";
        Cache { cause: String } = "hub_cache":
            "the cache of the hub's files cannot be used: {cause}",
            "허브 파일의 캐시를 쓸 수 없습니다: {cause}";
        Cancelled = "hub_cancelled":
            "stopped; what came is kept, pull again to continue there",
            "멈췄습니다. 받은 부분은 보관되니 다시 내려받으면 그곳에서 계속됩니다";

        Unusable { repo: String, what: Localized } = "hub_unusable":
            "{repo} cannot be used here: {what}", "{repo}은(는) 여기서 쓸 수 없습니다: {what}";
        Lacks { file: String } = "hub_lacks":
            "it has no {file}", "{file}이(가) 없습니다";
        HoldsGguf = "hub_holds_gguf":
            "it holds GGUF files and no safetensors; name the GGUF and its mmproj in a registry entry of your own",
            "GGUF 파일만 있고 safetensors가 없습니다. 직접 만든 레지스트리 항목에서 GGUF와 mmproj를 지정하세요";
        NoWeights = "hub_no_weights":
            "it has no safetensors weights", "safetensors 가중치가 없습니다";
        SeveralWeights { index: String } = "hub_several_weights":
            "it has several safetensors files and no {index}",
            "safetensors 파일이 여러 개인데 {index}이(가) 없습니다";
        DamagedFile { file: String, why: String } = "hub_damaged_file":
            "its {file} is damaged: {why}", "{file}이(가) 손상되었습니다: {why}";
        IndexNamesNone { index: String } = "hub_index_names_none":
            "its {index} names no file", "{index}에 파일 이름이 없습니다";
        IndexNamesGone { index: String, shard: String } = "hub_index_names_gone":
            "its {index} names {shard}, which is not there", "{index}에 적힌 {shard}이(가) 없습니다";
        Family { name: String, known: Localized } = "hub_family":
            "it is of the family '{name}'; the lab runs {known}",
            "'{name}' 계열입니다. 랩이 실행하는 것: {known}";
        NoModelType = "hub_no_model_type":
            "its config.json names no model_type", "config.json에 model_type이 없습니다";
    }
}
