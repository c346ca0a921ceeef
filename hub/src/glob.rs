//! Patterns with `*` and `?`; in paths `*` stays within a folder and `**` does not.
//!
//! Pure and small: many patterns may be held at once. Matching takes pattern times text steps at
//! most, whatever the pattern.

/// A pattern, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<Part>,
    /// Whether `/` parts the text, so that `*` ends there.
    is_path: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    AnyOne,
    /// Any number, but no `/` in paths.
    Few,
    /// Any number.
    Many,
}

impl Glob {
    /// Takes a pattern apart; in a path `/` parts the text.
    #[must_use]
    pub fn new(pattern: &str, is_path: bool) -> Self {
        let mut parts = Vec::with_capacity(pattern.len());
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            let part = match c {
                '*' if chars.peek() == Some(&'*') => {
                    while chars.next_if_eq(&'*').is_some() {}
                    Part::Many
                }
                '*' if is_path => Part::Few,
                '*' => Part::Many,
                '?' => Part::AnyOne,
                c => Part::One(c),
            };
            parts.push(part);
        }
        Self { parts, is_path }
    }

    /// Whether the whole text fits. Takes pattern times text steps at most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut literal = text.chars();
        for part in &self.parts {
            match part {
                Part::One(c) if literal.next() == Some(*c) => {}
                Part::One(_) => return false,
                Part::AnyOne | Part::Few | Part::Many => return self.walk(text),
            }
        }
        literal.next().is_none()
    }

    /// Keeps the set of places in the pattern that the text so far can have led to.
    fn walk(&self, text: &str) -> bool {
        let mut at = vec![false; self.parts.len() + 1];
        if let Some(first) = at.first_mut() {
            *first = true;
        }
        self.skip_empty(&mut at);
        let mut next = vec![false; at.len()];
        for c in text.chars() {
            next.fill(false);
            for (place, part) in self.parts.iter().enumerate() {
                if at.get(place) != Some(&true) {
                    continue;
                }
                let to = match part {
                    Part::One(own) if *own == c => place + 1,
                    Part::AnyOne if !(self.is_path && c == '/') => place + 1,
                    Part::Few if c != '/' => place,
                    Part::Many => place,
                    Part::One(_) | Part::AnyOne | Part::Few => continue,
                };
                if let Some(reached) = next.get_mut(to) {
                    *reached = true;
                }
            }
            self.skip_empty(&mut next);
            std::mem::swap(&mut at, &mut next);
        }
        at.last() == Some(&true)
    }

    /// A star may stand for nothing.
    fn skip_empty(&self, at: &mut [bool]) {
        for (place, part) in self.parts.iter().enumerate() {
            if matches!(part, Part::Few | Part::Many)
                && at.get(place) == Some(&true)
                && let Some(after) = at.get_mut(place + 1)
            {
                *after = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_names_and_paths() {
        let check = |pattern: &str, is_path: bool, text: &str, expected: bool| {
            let glob = Glob::new(pattern, is_path);
            assert_eq!(glob.matches(text), expected, "{pattern} {text}");
        };
        check("main", false, "main", true);
        check("main", false, "main2", false);
        check("std::*", false, "std::rt::lang_start", true);
        check("*::*::c", false, "a::b::c", true);
        check("?ain", false, "main", true);
        check("*", false, "", true);
        check("", false, "a", false);
        check("/srv/*/a.py", true, "/srv/app/a.py", true);
        check("/srv/*/a.py", true, "/srv/app/b/a.py", false);
        check("/srv/**/a.py", true, "/srv/app/b/a.py", true);
        check("**/a.py", true, "/a.py", true);
        check("**", true, "/x/y", true);
        check("a?c", true, "a/c", false);
        check("ü*", false, "über", true);
        check(&"*a".repeat(200), false, &"a".repeat(1000), true);
        check(&"*a".repeat(200), false, &"b".repeat(1000), false);
    }
}
