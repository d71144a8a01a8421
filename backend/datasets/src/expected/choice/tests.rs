use proptest::prelude::*;

use super::*;

fn choice(options: &[&str]) -> Choice {
    let options = options.iter().map(|o| (*o).to_owned()).collect();
    Choice { options, right: 0 }
}

#[test]
fn letters_are_read_where_they_are_meant() {
    let animals = choice(&["a dog", "a cat", "a red fox", "a fox"]);
    for (answer, read) in [
        ("B", Some(1)),
        (" b.", Some(1)),
        ("(B)", Some(1)),
        ("B)", Some(1)),
        ("**B**", Some(1)),
        ("B. a cat", Some(1)),
        ("B: because it purrs", Some(1)),
        ("(b) a cat", Some(1)),
        ("Answer: B", Some(1)),
        ("The cat purrs. A dog would not.\nAnswer: $B$", Some(1)),
        ("**Answer:** B", Some(1)),
        ("Answer: A\nNo, wait.\nAnswer: B.", Some(1)),
        ("The correct answer is B", Some(1)),
        ("The answer is: (B) a cat", Some(1)),
        ("The correct option is B", Some(1)),
        ("I choose (B) because of the ears", Some(1)),
        ("a cat", Some(1)),
        ("A cat.", Some(1)),
        ("It is a cat.", Some(1)),
        ("This is a red fox, I think", Some(2)),
        ("A", Some(0)),
        ("A dog.", Some(0)),
        ("Answer: A dog", Some(0)),
        ("A. a dog\nB. a cat\nC. a red fox\nD. a fox", None),
        ("A is right", Some(0)),
        ("A or B", None),
        ("a dog and a cat", None),
        ("E", None),
        ("Answer: E", None),
        ("An animal that I cannot name", None),
        ("I see a bird.", None),
        ("answering that is hard", None),
        ("정답은 B입니다", Some(1)),
        ("정답은 b입니다.", Some(1)),
        ("정답: B", Some(1)),
        ("답은 (B)예요", Some(1)),
        ("B번이 맞습니다", Some(1)),
        ("A가 아니라 B", None),
        ("答えはBです", Some(1)),
        ("正解：Ｂ", Some(1)),
        ("正解は「B」です。", Some(1)),
        ("答案是B", Some(1)),
        ("答案是 b。", Some(1)),
        ("选B", Some(1)),
        ("选项（B）", Some(1)),
        ("La respuesta es B", Some(1)),
        ("La respuesta correcta es A porque ladra", Some(0)),
        ("A resposta é B", Some(1)),
        ("La réponse est B.", Some(1)),
        ("La réponse est A car il aboie", Some(0)),
        ("C'est un oiseau.", None),
        ("D'après l'image, on ne sait pas", None),
        ("Cevap C'dir", Some(2)),
        ("The answer is A or B", None),
        ("The answer is A/B", None),
        ("The answer is A, B.", None),
        ("The answer is A, B or C", None),
        ("The answer is A, or B", None),
        ("The answer is A, B is a cat", Some(0)),
        ("The answer is A, I think", Some(0)),
        ("The answer is A because B is a cat", Some(0)),
        ("La respuesta es a o b", None),
        ("정답은 A 또는 B", None),
        ("정답은 A와 B입니다", None),
        ("答案是A或B", None),
        ("A e B", None),
        ("A of B", None),
        ("Option A is wrong, so B.", None),
        ("I think (A) would be a dog, so B", None),
        ("(A) is incorrect", None),
        ("(B) No animal is here", Some(1)),
        ("It is (B), no dog", Some(1)),
        ("A no es", None),
        ("A n'est pas la bonne", None),
        ("A ist nicht richtig", None),
        ("Option A is wrong.", None),
        ("option a is incorrect", None),
        ("It is not option B", None),
        ("It is not B", None),
        ("The answer is not A.", None),
        ("A is wrong", None),
        ("B는 틀립니다", None),
        ("No, B", Some(1)),
        ("I choose (B) because it is small", Some(1)),
        ("Die Antwort ist B, weil sie schnurrt", Some(1)),
        ("La risposta è B", Some(1)),
        ("Ответ: B", Some(1)),
        ("Правильный ответ — B", Some(1)),
        ("Đáp án là B", Some(1)),
        ("Jawabannya adalah B", Some(1)),
        ("Cevap B'dir", Some(1)),
        ("الإجابة هي B", Some(1)),
        ("คำตอบคือB", Some(1)),
        ("उत्तर B है", Some(1)),
        ("Option B", Some(1)),
        ("option b.", Some(1)),
        ("I would pick option (b), a dog is no cat", Some(1)),
        ("\\boxed{B}", Some(1)),
        ("[B]", Some(1)),
        ("Ⓑ", None),
        ("The answer is a cat", Some(1)),
        ("answer is b because it purrs", Some(1)),
        ("Élan", None),
        ("answer: bis", None),
        ("Answer: Bor", None),
        ("X-ray of D-day", None),
        ("Answer:", None),
        ("", None),
        ("🦊", None),
    ] {
        assert_eq!(animals.read(answer), read, "{answer}");
    }
}

/// Words of one letter, in many languages, beside options that they could name.
#[test]
fn words_of_one_letter_are_no_letters() {
    let vehicles = choice(&["a bus", "a car"]);
    assert_eq!(vehicles.read("A car is in the street."), Some(1));
    assert_eq!(vehicles.read("A Car is in the street."), Some(1));
    assert_eq!(vehicles.read("Answer: A car"), Some(1));
    let fruit: Vec<String> = ('a'..='z').map(|c| format!("fruit {c}{c}")).collect();
    let fruit = Choice { options: fruit, right: 0 };
    for word in [
        "A car is parked.",
        "E y F",
        "E o F.",
        "A German shepherd lies there",
        "A 3D model",
        "A STOP sign",
        "I am not sure",
        "A la izquierda hay un coche",
        "A gauche, il y a une voiture",
        "A gato dorme",
        "E o gato dorme",
        "E' un gatto",
        "E un gatto",
        "O gato dorme",
        "O es un gato",
        "Y es un gato",
        "Y ya no se ve",
        "C'est un chat",
        "C’était un chat",
        "J'ai vu un chat",
        "L'homme court",
        "W samochodzie siedzi pies",
        "Z przodu stoi dom",
        "V autě je pes",
        "K domu jde pes",
        "I bilen sitter en hund",
        "I es veu un gat",
        "A kutya alszik",
        "O mașină roșie",
        "O bir köpek",
        "Nie wiem. U góry jest dom",
    ] {
        assert_eq!(fruit.read(word), None, "{word}");
    }
    for (answer, read) in [
        ("E is right", 4),
        ("E", 4),
        ("E.", 4),
        ("I think E fits", 4),
        ("The answer is E for sure", 4),
        ("Es ist O", 14),
        ("O oder nichts", 14),
        ("A: it is round", 0),
        ("A\nIt is round", 0),
        ("It must be Y", 24),
        ("W번", 22),
    ] {
        assert_eq!(fruit.read(answer), Some(read), "{answer}");
    }
}

#[test]
fn texts_that_look_like_letters_stay_texts() {
    let biology = choice(&["C. elegans", "Vitamin C", "vitamin A", "50%"]);
    assert_eq!(biology.read("C. elegans"), Some(0));
    assert_eq!(biology.read("Vitamin C"), Some(1));
    assert_eq!(biology.read("Vitamin A."), Some(2));
    assert_eq!(biology.read("It must be vitamin A here"), Some(2));
    assert_eq!(biology.read("D, there is no vitamin to see"), Some(3));
    assert_eq!(biology.read("about 50% of it"), Some(3));
    assert_eq!(biology.read("150%"), None);
    let letters = choice(&["B", "A"]);
    assert_eq!(letters.read("A"), Some(0), "the letter was asked for, not the text");
    assert_eq!(letters.read("The answer is A"), Some(0));
    assert_eq!(letters.read("I think A fits"), None, "a word before a word in lower case");
    assert_eq!(letters.read("It is B."), Some(1));
    assert_eq!(biology.read("D, not vitamin A"), Some(3), "a letter comes before a text");
    assert_eq!(biology.read("The answer is B: vitamin A is in carrots"), Some(1));
    assert_eq!(biology.read("I'd say (B) Vitamin C"), Some(1), "the text's own letter");
    let roman = choice(&["I", "II", "both I and II"]);
    assert_eq!(roman.read("I"), Some(0));
    assert_eq!(roman.read("II"), Some(1));
    assert_eq!(roman.read("C. both I and II"), Some(2));
    let same = choice(&["$5", "5"]);
    assert_eq!(same.read("5"), None, "two options say so");
}

#[test]
fn the_right_one_is_named_by_letter_or_text() {
    let options = || vec!["dog".to_owned(), "cat".to_owned(), "cat".to_owned()];
    assert_eq!(Choice::new(options(), "B").map(|c| c.right()), Some(1));
    assert_eq!(Choice::new(options(), "b ").map(|c| c.right()), Some(1));
    assert_eq!(Choice::new(options(), "Dog.").map(|c| c.right()), Some(0));
    assert_eq!(Choice::new(options(), "D"), None, "outside of the options");
    assert_eq!(Choice::new(options(), "cat"), None, "two say so");
    assert_eq!(Choice::new(options(), ""), None);
    assert_eq!(Choice::new(Vec::new(), "A"), None);
    assert_eq!(Choice::new(vec![String::new(); 27], "A"), None);
    assert_eq!(Choice::listed(&options()), "A. dog\nB. cat\nC. cat");
}

proptest! {
    #[test]
    fn any_answer_can_be_read(answer in ".{0,60}") {
        choice(&["one", "two", ""]).read(&answer);
    }

    #[test]
    fn every_letter_is_read(right in 0usize..10) {
        let options: Vec<String> = (0..10).map(|i| format!("option number {i}")).collect();
        let letter = (b'A' + right as u8) as char;
        let choice = Choice { options, right };
        for form in [
            format!("{letter}"), format!("({letter})"), format!("{letter}."),
            format!("Answer: {letter}"), choice.to_string(), choice.options[right].clone(),
        ] {
            prop_assert_eq!(choice.read(&form), Some(right), "{}", form);
        }
    }
}
