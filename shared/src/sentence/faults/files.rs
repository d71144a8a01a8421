//! What is wrong with a file, whatever it is to hold.

use super::{Localized, sentences};

sentences! {
    /// What is wrong with a file of a model, whatever it is to hold, and why it cannot be read.
    FileFault {
        OfFile { file: String, what: Localized } = "fault_of_file":
            "{file}: {what}", "{file}: {what}";
        Absent = "fault_absent":
            "is missing", "없습니다";
        NoSuchFile = "fault_no_such_file":
            "there is no such file", "그런 파일이 없습니다";
        Forbidden = "fault_forbidden":
            "this user may not read it", "읽을 권한이 없습니다";
        ItIsAFolder = "fault_it_is_a_folder":
            "it is a folder", "폴더입니다";
        EndsEarly = "fault_ends_early":
            "it ends too early", "파일이 도중에 끝납니다";
        System { words: String } = "fault_system":
            "{words}", "시스템 오류({words})";
        Unreadable { why: Localized } = "fault_unreadable":
            "cannot be read: {why}", "읽을 수 없습니다: {why}";
        TooLarge { mib: u64 } = "fault_file_too_large":
            "is larger than {mib} MiB", "{mib} MiB보다 큽니다";
        AFolder = "fault_a_folder":
            "is a folder, not a file", "파일이 아니라 폴더입니다";
        NoText = "fault_no_text":
            "is not UTF-8 text", "UTF-8 텍스트가 아닙니다";
        Pointer = "fault_lfs_pointer":
            "is a git-lfs pointer and not the file itself: run `git lfs pull` in its folder, or get the model with `langoverrule models pull`",
            "파일 자체가 아니라 git-lfs 포인터입니다. 그 폴더에서 `git lfs pull`을 실행하거나 `langoverrule models pull`로 모델을 받으세요";
        Empty = "fault_file_empty":
            "is empty", "비어 있습니다";
        JsonCut { line: usize, column: usize } = "fault_json_cut":
            "was cut off: it ends at line {line}, column {column}",
            "잘렸습니다. {line}번째 줄 {column}번째 칸에서 끝납니다";
        NoJson { line: usize, column: usize } = "fault_no_json":
            "is not valid JSON at line {line}, column {column}",
            "{line}번째 줄 {column}번째 칸에서 올바른 JSON이 아닙니다";
    }
}
