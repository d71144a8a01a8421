//! Why an experiment is paused, or one of its items left out.

use super::{Message, sentences};

sentences! {
    /// Why an experiment is paused, or one of its items left out.
    Problem {
        RowWentWrong = "row_went_wrong":
            "Reading this row went wrong inside the lab; its log says how.",
            "이 행을 읽는 중에 랩 내부에서 문제가 발생했습니다. 자세한 내용은 랩의 로그에 있습니다.";
        WorkersDied { deaths: u64 } = "workers_died":
            "{deaths} workers died at work on it; most often there is too little memory for it.",
            "이 항목을 실행하던 작업자가 {deaths}번 종료되었습니다. 대개 메모리가 부족하기 때문입니다.";
        LabKilled = "lab_killed":
            "The lab was killed while it was starting this work; most often there is too little memory for it. It is paused so that the lab stays open.",
            "이 작업을 시작하던 중에 랩이 강제로 종료되었습니다. 대개 메모리가 부족하기 때문입니다. 랩이 계속 열려 있도록 이 작업을 일시 정지했습니다.";
        ModelMissing { name: String, why: Message } = "model_missing":
            "The model {name} is missing: {why}.", "{name} 모델이 없습니다: {why}.";
        NotWhereNamed = "not_where_named":
            "it is not where it was named", "지정된 위치에 없음";
        ModelNotLoaded { name: String, why: Message } = "model_not_loaded":
            "The model {name} cannot be loaded: {why}", "{name} 모델을 불러올 수 없습니다: {why}";
        ModelNoLongerRuns { name: String, why: Message } = "model_no_longer_runs":
            "the model {name} no longer runs with these options: {why}",
            "{name} 모델은 더 이상 이 옵션으로 실행되지 않습니다: {why}";
        AnotherModel { name: String, here: String, there: String } = "another_model":
            "The model {name} is another than this experiment began with: its hash is {here}, not {there}. Put that one back, or start the experiment anew.",
            "{name} 모델이 이 실험을 시작할 때의 모델과 다릅니다. 해시가 {there}이(가) 아니라 {here}입니다. 원래 모델로 되돌리거나 실험을 새로 시작하세요.";
        DatasetChanged { name: String, was: String, now: String } = "dataset_changed":
            "The dataset {name} has changed since the samples were drawn: it was {was}, it is {now}.",
            "샘플을 뽑은 뒤에 {name} 데이터셋이 바뀌었습니다. 이전: {was}, 현재: {now}.";
        DatasetNotThere { name: String } = "dataset_not_there":
            "The dataset '{name}' is not there: it cannot be read where it was named.",
            "‘{name}’ 데이터셋이 없습니다. 지정된 위치에서 읽을 수 없습니다.";
        DatasetNotOpen = "dataset_not_open":
            "The dataset is not open.", "데이터셋이 열려 있지 않습니다.";
        RowsDamaged = "rows_damaged":
            "The list of drawn rows is damaged.", "뽑은 행의 목록이 손상되었습니다.";
        GridDamaged = "grid_damaged":
            "The experiment's grid is damaged.", "실험의 조건표가 손상되었습니다.";
        AndMore { more: u64 } = "and_more":
            "And {more} more.", "그 밖에 {more}개가 더 있습니다.";
    }
}
