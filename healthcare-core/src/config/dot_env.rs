//! The text of a dot-env file. There is no standard; this is the part on which shells and their readers agree, and the rest is refused.

use std::collections::BTreeMap;

/// The largest file that is read.
const BYTES_MAX: usize = 64 << 10;
/// The most mistakes that are told of one file.
const PROBLEMS_MAX: usize = 16;

/// A line that cannot be read. What stands in it is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct DotEnvProblem {
    /// The line, from 1; 0 for the whole file.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, Vec<DotEnvProblem>> {
    if text.len() > BYTES_MAX {
        return Err(vec![DotEnvProblem { line: 0, problem: "the file is larger than 64 KiB" }]);
    }
    let (mut values, mut problems) = (BTreeMap::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let told = match assignment(line.trim()) {
            Ok(None) => continue,
            Ok(Some((name, value))) if !values.contains_key(name) => {
                values.insert(name.to_owned(), value);
                continue;
            }
            Ok(Some(_)) => "this name was set above",
            Err(problem) => problem,
        };
        if problems.len() < PROBLEMS_MAX {
            problems.push(DotEnvProblem { line: at + 1, problem: told });
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

fn assignment(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').ok_or("write NAME=value")?;
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == b'_');
    if !begins || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_') {
        return Err("a name is letters, digits and underscores, without spaces around it");
    }
    let value = value.trim();
    let value = match value.chars().next() {
        Some('\'') => quoted(value, '\'', false)?,
        Some('"') => quoted(value, '"', true)?,
        _ => bare(value)?,
    };
    Ok(Some((name, value)))
}

/// Up to a comment, which a space goes before. Nothing is replaced in it, so what looks like a variable is refused.
fn bare(value: &str) -> Result<String, &'static str> {
    let end = value.find(" #").unwrap_or(value.len());
    let value = value.get(..end).unwrap_or(value).trim_end();
    if value.contains("${") || value.contains("$(") {
        return Err("variables and commands are not replaced: write the value itself, in single quotes");
    }
    if value.contains(['"', '\'']) {
        return Err("put the whole value in quotes");
    }
    Ok(value.to_owned())
}

fn quoted(value: &str, quote: char, escapes: bool) -> Result<String, &'static str> {
    let mut found = String::with_capacity(value.len());
    let mut letters = value.chars();
    letters.next();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter == quote => {
                let rest = letters.as_str().trim_start();
                let ends = rest.is_empty() || rest.starts_with('#');
                return if ends { Ok(found) } else { Err("nothing but a comment may follow the quotes") };
            }
            '\\' if escapes => found.push(match letters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(letter @ ('"' | '\\' | '$')) => letter,
                _ => return Err("in double quotes a backslash goes before n, t, \", \\ and $ alone"),
            }),
            '$' if escapes => return Err("variables are not replaced: write \\$, or use single quotes"),
            letter => found.push(letter),
        }
    }
    Err("the quotes are not closed on this line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<String, &'static str> {
        match parse(&format!("A={text}")) {
            Ok(values) => Ok(values["A"].clone()),
            Err(problems) => Err(problems[0].problem),
        }
    }

    #[test]
    fn values_are_what_a_shell_would_make_of_them() {
        for (text, expected) in [
            ("plain", "plain"),
            ("  spaced out  ", "spaced out"),
            ("a # said", "a"),
            ("a#b", "a#b"),
            ("'$HOME # \"x\"' # said", "$HOME # \"x\""),
            (r#""a\n\"b\" \$c \\""#, "a\n\"b\" $c \\"),
            ("''", ""),
            ("", ""),
            ("postgres://u:p@h/d?a=b", "postgres://u:p@h/d?a=b"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["'open", "\"open", "'a' b", "\"$HOME\"", "${HOME}", "$(id)", r#""\x""#, "it's"] {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_wrong_line_is_named_and_not_repeated() {
        let text = "# one\n\nexport A=1\nB = geheim\n1C=geheim\nA=2\nnothing\nD='geheim\n";
        let problems = parse(text).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
        assert!(problems.iter().all(|problem| !problem.to_string().contains("geheim")));
        assert_eq!(parse("export A=1\r\nB=2\r\n").unwrap()["B"], "2");
        assert_eq!(parse(&"x".repeat(BYTES_MAX + 1)).unwrap_err()[0].line, 0);
        assert_eq!(parse(&"x\n".repeat(100)).unwrap_err().len(), PROBLEMS_MAX);
    }
}
