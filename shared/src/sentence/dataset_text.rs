//! What is wrong with a dataset, and with one of its rows.

use super::{Message, sentences};

sentences! {
    /// What is wrong with a dataset, and with one of its rows.
    DatasetText {
        OfRow { row: u64, fault: Message } = "of_row":
            "Row {row}: {fault}", "{row}행: {fault}";
        OfNamedRow { row: u64, id: String, fault: Message } = "of_named_row":
            "Row {row} ({id}): {fault}", "{row}행({id}): {fault}";
        NoSuchRow { rows: u64 } = "row_no_such":
            "the dataset has {rows} rows, numbered from 0.",
            "데이터셋에는 0부터 번호를 매긴 행이 {rows}개 있습니다.";
        NoPicture { column: String } = "row_no_picture":
            "{column} holds no picture; give the row one or leave it out.",
            "{column}에 이미지가 없습니다. 행에 이미지를 넣거나 행을 빼세요.";
        PictureElsewhere { column: String, path: String } = "row_picture_elsewhere":
            "{column} holds no picture, only the name of a file outside of the table ('{path}'); give the row one or leave it out.",
            "{column}에 이미지 대신 표 밖의 파일 이름(‘{path}’)만 있습니다. 행에 이미지를 넣거나 행을 빼세요.";
        EmptyPicture { column: String } = "row_picture_empty":
            "the picture in {column} is empty (0 bytes); store the picture again.",
            "{column}의 이미지가 비어 있습니다(0바이트). 이미지를 다시 저장하세요.";
        PictureTooLarge { column: String, bytes: u64, limit: u64 } = "row_picture_too_large":
            "the picture in {column} has {bytes} bytes and the limit is {limit}; store it smaller.",
            "{column}의 이미지가 {bytes}바이트입니다. 한도는 {limit}바이트입니다. 더 작게 저장하세요.";
        SeveralPictures { n: u64 } = "row_several_pictures":
            "one of its columns holds {n} pictures, of which one can be read; the row is left out.",
            "한 열에 이미지가 {n}장 있으며 한 장만 읽을 수 있습니다. 행을 뺍니다.";
        NoSuchPicture { reference: String } = "row_no_such_picture":
            "it refers to {reference} and has one picture; join the pictures into one and name no other, or leave the row out.",
            "{reference}을(를) 가리키지만 이미지는 한 장뿐입니다. 이미지를 하나로 합치고 다른 이미지를 가리키지 않게 하거나 행을 빼세요.";
        Missing { column: String } = "row_value_missing":
            "{column} has no value; fill it in or leave the row out.",
            "{column}에 값이 없습니다. 값을 채우거나 행을 빼세요.";
        Unreadable { column: String, why: String } = "row_value_unreadable":
            "{column} cannot be read: {why}.", "{column}을(를) 읽을 수 없습니다: {why}.";

        Unknown { name: String } = "dataset_unknown":
            "There is no dataset '{name}'. Name one of: demo, mmmu-pro, mmmu-pro:standard-10, mmmu-pro:standard-4, mmmu-pro:PATH, folder:PATH, jsonl:PATH, parquet:PATH.",
            "‘{name}’ 데이터셋이 없습니다. 다음 중에서 고르세요: demo, mmmu-pro, mmmu-pro:standard-10, mmmu-pro:standard-4, mmmu-pro:PATH, folder:PATH, jsonl:PATH, parquet:PATH.";
        PathsNotAllowed { name: String } = "dataset_paths_not_allowed":
            "The dataset '{name}' is read from a path, which this lab does not allow here: name demo or mmmu-pro, or ask whoever runs the lab.",
            "‘{name}’ 데이터셋은 경로에서 읽는데, 이 랩은 여기서 그것을 허용하지 않습니다. demo나 mmmu-pro를 고르거나 랩을 운영하는 사람에게 문의하세요.";
        Absent { name: String, why: String } = "dataset_absent":
            "The dataset '{name}' is not there: {why}", "‘{name}’ 데이터셋이 없습니다: {why}";
        CannotBeRead { name: String, why: String } = "dataset_cannot_be_read":
            "The dataset '{name}' cannot be read: {why}", "‘{name}’ 데이터셋을 읽을 수 없습니다: {why}";
        NoLongerRead { name: String } = "dataset_no_longer_read":
            "The dataset {name} can no longer be read where it was.",
            "{name} 데이터셋을 있던 곳에서 더 이상 읽을 수 없습니다.";
        ChangedSince { name: String } = "dataset_changed_since":
            "The dataset {name} has changed since this experiment drew its samples; they cannot be shown.",
            "이 실험이 샘플을 뽑은 뒤에 {name} 데이터셋이 바뀌어 샘플을 표시할 수 없습니다.";
    }
}
