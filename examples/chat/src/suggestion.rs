//! The command that a user meant who mistyped one.

/// The only known command that is like the written one; `None` if there is none, or more than one.
pub(crate) fn of<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut alike = known.filter(|known| is_like(written, known));
    alike.next().filter(|_| alike.next().is_none())
}

/// Whether a known command may be meant: it begins so, or one letter differs, is too much or missing.
fn is_like(written: &str, known: &str) -> bool {
    if written.is_empty() || known.starts_with(written) {
        return !written.is_empty();
    }
    let (one, other): (Vec<char>, Vec<char>) = (written.chars().collect(), known.chars().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let ends_as = |a: usize, b: usize| {
        one.get(a..)
            .is_some_and(|rest| Some(rest) == other.get(b..))
    };
    ends_as(same + 1, same + 1) || ends_as(same + 1, same) || ends_as(same, same + 1)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn one_letter_more_less_or_other_is_recognised() {
        let known = ["connect", "channels", "wait", "wait-state", "drop"];
        for (written, expected) in [
            ("conect", Some("connect")),
            ("connnect", Some("connect")),
            ("cannect", Some("connect")),
            ("con", Some("connect")),
            ("wiat", None),
            ("wai", None),
            ("c", None),
            ("dröp", Some("drop")),
            ("", None),
            ("dance", None),
        ] {
            assert_eq!(of(written, known.into_iter()), expected, "{written}");
        }
    }
}
