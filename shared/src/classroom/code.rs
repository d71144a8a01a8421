//! Join codes: what they are made of, and how they are read as people type them.

/// What join codes are made of: no two look alike from the back row, and without vowels no code is
/// a word.
pub const CODE_ALPHABET: &str = "CDFGHJKLMNPRTVWXY23456789";
/// Letters and digits of a join code, the last of which is a check of the others. 25⁸ codes are too many to
/// find a class by trying, however many are tried, so no wrong code keeps a right one out
/// (`langoverrule::classroom::Code` has the reckoning).
pub const CODE_LENGTH: usize = 9;
/// Letters and digits of the codes of earlier versions, which stand in links that were given out: they
/// still read as codes, if only of classes that are over.
pub const OLD_CODE_LENGTHS: [usize; 3] = [4, 6, 8];
/// Signs that are also digits of hexadecimal numbers.
const HEXADECIMAL: &str = "CDF23456789";

/// What the signs before the check count: with the number of signs of the alphabet none of these, nor the
/// difference of two neighbours, has a divisor in common. So whatever one sign is read as, and whichever
/// two neighbours are typed the wrong way round, the check does not fit.
const WEIGHTS: [usize; CODE_LENGTH - 1] = [1, 2, 3, 4, 6, 7, 8, 9];

/// The sign that belongs behind others; `None` where those are no beginning of a code.
pub fn check_sign(signs: &str) -> Option<char> {
    let value = |c: char| CODE_ALPHABET.find(c);
    let values: Vec<usize> = signs.chars().map(value).collect::<Option<_>>()?;
    if values.len() != WEIGHTS.len() {
        return None;
    }
    let sum: usize = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    CODE_ALPHABET.chars().nth(sum % CODE_ALPHABET.len())
}

/// A code from signs that were drawn; `None` for one that could be taken for a number.
pub fn code_of(signs: &str) -> Option<String> {
    if signs.chars().all(|c| HEXADECIMAL.contains(c)) {
        return None;
    }
    Some(format!("{signs}{}", check_sign(signs)?))
}

/// A join code as people type it: in small letters, with spaces, with a look-alike of a sign that
/// codes have. `None` for what is no code: one that was misread in a sign, or in the order of two, is none.
pub fn read_code(typed: &str) -> Option<String> {
    let signs = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    let read = signs.map(|c| match c.to_ascii_uppercase() {
        'B' => '8',
        'I' | '1' => 'L',
        'S' => '5',
        'Z' => '2',
        other => other,
    });
    let code: String = read.take(CODE_LENGTH + 1).collect();
    if !code.chars().all(|c| CODE_ALPHABET.contains(c)) {
        return None;
    }
    // Every sign is one byte by now.
    match code.len() {
        CODE_LENGTH => {
            let (signs, check) = code.split_at(CODE_LENGTH - 1);
            (check_sign(signs) == check.chars().next()).then_some(code)
        }
        length => OLD_CODE_LENGTHS.contains(&length).then_some(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_read_as_another() {
        let code = code_of("K7F2CDXM").expect("a code");
        assert_eq!(read_code(&code), Some(code.clone()));
        let signs: Vec<char> = code.chars().collect();
        for at in 0..signs.len() {
            for sign in CODE_ALPHABET.chars().filter(|sign| *sign != signs[at]) {
                let mut other = signs.clone();
                other[at] = sign;
                let other: String = other.into_iter().collect();
                assert_eq!(read_code(&other), None, "{other}, typed for {code}");
            }
        }
        for at in 0..signs.len() - 2 {
            let mut other = signs.clone();
            other.swap(at, at + 1);
            if other != signs {
                let other: String = other.into_iter().collect();
                assert_eq!(read_code(&other), None, "{other}, typed for {code}");
            }
        }
    }

    #[test]
    fn a_code_is_no_number() {
        assert_eq!(code_of("2345F678"), None);
        assert_eq!(code_of("23456789"), None);
        assert!(code_of("2345F67K").is_some());
    }
}
