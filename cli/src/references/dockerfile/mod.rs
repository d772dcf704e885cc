//! Images in a Dockerfile: `FROM`, `COPY --from`, `RUN --mount=..,from=` and the frontend of `# syntax=`. Stages of the
//! file itself and `scratch` are no images.

mod variables;
mod words;

use std::collections::BTreeSet;

use variables::Variables;
use words::Word;

use super::{Found, Reference, Unclear};

/// Finds them. `arguments` are build arguments.
///
/// # Errors
/// The first line that cannot be understood.
pub fn find(text: &str, arguments: &[(String, String)]) -> Result<Found, Unclear> {
    let parsed = words::instructions(text)?;
    let mut file = File { variables: Variables::new(arguments), ..File::default() };
    if let Some(syntax) = &parsed.syntax {
        file.image(syntax, syntax.text.clone())?;
    }
    for words in &parsed.instructions {
        let Some((name, rest)) = words.split_first() else { continue };
        match name.text.to_ascii_uppercase().as_str() {
            "ARG" if file.stages == 0 => {
                for word in rest {
                    file.variables.declare(&word.text).map_err(|why| Unclear::new(word.line, why))?;
                }
            }
            "FROM" => file.from(name, rest)?,
            "COPY" => file.copy(rest)?,
            "RUN" => file.run(rest)?,
            "ONBUILD" => on_build(rest)?,
            _ => {}
        }
    }
    if file.stages == 0 {
        return Err(Unclear::new(1, "no FROM: this is no Dockerfile"));
    }
    file.found.references.sort_by_key(|reference| reference.place.start);
    Ok(file.found)
}

#[derive(Default)]
struct File {
    variables: Variables,
    names: BTreeSet<String>,
    stages: usize,
    found: Found,
}

impl File {
    fn from(&mut self, name: &Word, rest: &[Word]) -> Result<(), Unclear> {
        let mut rest = rest.iter().filter(|word| !word.text.starts_with("--"));
        let image = rest.next().ok_or_else(|| Unclear::new(name.line, "FROM names no image"))?;
        let stage = match (rest.next(), rest.next(), rest.next()) {
            (None, ..) => None,
            (Some(word), Some(stage), None) if word.text.eq_ignore_ascii_case("as") => Some(&stage.text),
            _ => return Err(Unclear::new(name.line, "expected FROM IMAGE [AS NAME]")),
        };
        let expanded = self.variables.expand(&image.text);
        let expanded = expanded.map_err(|why| Unclear::new(image.line, format!("FROM {}: {why}", image.text)))?;
        if expanded != "scratch" && !self.names.contains(&expanded.to_ascii_lowercase()) {
            self.image(image, expanded)?;
        }
        self.stages += 1;
        self.names.extend(stage.map(|name| name.to_ascii_lowercase()));
        Ok(())
    }

    fn copy(&mut self, rest: &[Word]) -> Result<(), Unclear> {
        for (word, name, value) in flags(rest)? {
            if name == "from" {
                // Only here a number is a stage.
                if value.parse::<usize>().is_err() {
                    self.source(word, "--from=".len(), value)?;
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, rest: &[Word]) -> Result<(), Unclear> {
        for (word, name, fields) in flags(rest)? {
            if name != "mount" {
                continue;
            }
            if fields.contains(['"', '\'']) {
                return Err(Unclear::new(word.line, format!("{}: quotes in a mount are not understood", word.text)));
            }
            let mut at = "--mount=".len();
            for field in fields.split(',') {
                if let Some((key, source)) = field.split_once('=')
                    && key.trim().eq_ignore_ascii_case("from")
                {
                    self.source(word, at + key.len() + 1, source)?;
                }
                at += field.len() + 1;
            }
        }
        Ok(())
    }

    /// A source that is a stage, by name, or else an image. It begins `at` bytes into the word.
    fn source(&mut self, word: &Word, at: usize, source: &str) -> Result<(), Unclear> {
        if self.names.contains(&source.to_ascii_lowercase()) {
            return Ok(());
        }
        if source.contains(['$', '"', '\'']) {
            return Err(Unclear::new(word.line, format!("from={source}: only a stage or an image can stand here")));
        }
        if word.place.len() != word.text.len() {
            return Err(Unclear::new(word.line, "this word goes on in the next line"));
        }
        let start = word.place.start + at;
        let place = start..start + source.len();
        self.image(&Word { text: source.to_owned(), place, line: word.line }, source.to_owned())
    }

    fn image(&mut self, word: &Word, written: String) -> Result<(), Unclear> {
        let reference = Reference::parse(word.line, word.place.clone(), written, "")?;
        self.found.references.push(reference);
        Ok(())
    }
}

/// The options before anything else, as words, names and values. Builders take escapes and quotes out of them: a name so
/// written is an error, lest it be another one.
fn flags(rest: &[Word]) -> Result<Vec<(&Word, &str, &str)>, Unclear> {
    let mut found = Vec::new();
    for word in rest.iter().take_while(|word| word.text.starts_with("--")) {
        let (name, value) = word.text.split_once('=').unwrap_or((&word.text, ""));
        if word.text.contains(['\\', '`']) || name.contains(['"', '\'']) {
            return Err(Unclear::new(word.line, format!("{}: this option is not understood", word.text)));
        }
        found.push((word, name.trim_start_matches("--"), value));
    }
    Ok(found)
}

/// What is to happen in builds upon this one knows other stages than this file's.
fn on_build(rest: &[Word]) -> Result<(), Unclear> {
    let flags = flags(rest.get(1..).unwrap_or_default())?;
    let names_source = |name: &str, value: &str| name == "from" || value.to_ascii_lowercase().contains("from");
    match flags.into_iter().find(|(_, name, value)| names_source(name, value)) {
        Some((word, ..)) => {
            Err(Unclear::new(word.line, "ONBUILD with another image is decided where it is built upon"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::replace;
    use super::*;

    fn images(text: &str) -> Vec<(usize, String)> {
        let found = find(text, &[]).unwrap_or_else(|error| panic!("{text}\n{error}"));
        found.references.into_iter().map(|reference| (reference.line, reference.written)).collect()
    }

    fn line_in_the_way(text: &str) -> usize {
        find(text, &[]).unwrap_err().line
    }

    #[test]
    fn stages_and_scratch_are_no_images() {
        let text = "FROM golang:1.22 AS builder\nFROM Builder as Test\nFROM scratch\nCOPY --from=builder /a /a\n\
                    COPY --from=0 /a /a\nCOPY --chown=1 --from=busybox:1 /b /b\nCOPY --from=test /c /c\n";
        assert_eq!(images(text), [(1, "golang:1.22".into()), (6, "busybox:1".into())]);
    }

    #[test]
    fn a_stage_is_known_only_below_it() {
        assert_eq!(images("FROM later\nFROM alpine AS later\n"), [(1, "later".into()), (2, "alpine".into())]);
    }

    #[test]
    fn lines_that_go_on_comments_and_here_documents() {
        let text = "# syntax=docker/dockerfile:1\n# a comment\n\nfrom \\\n  # in between\n\n  --platform=$BUILDPLATFORM \
                    \\\n  alpine:3 \\\n  AS one\nRUN <<EOF cat\nCOPY a /\nEOF\nRUN <<-'X' cat\n\tfrom a import b\n\tX\n\
                    RUN echo \\\nFROM evil\nFROM debian\n";
        let found = images(text);
        assert_eq!(found, [(1, "docker/dockerfile:1".into()), (8, "alpine:3".into()), (18, "debian".into())]);
    }

    #[test]
    fn another_escape_character_and_windows_line_ends() {
        let text = "# escape=`\r\nFROM `\r\n  alpine:3\r\nRUN dir c:\\\r\nFROM debian\r\n";
        assert_eq!(images(text), [(3, "alpine:3".into()), (5, "debian".into())]);
    }

    #[test]
    fn here_documents_hide_nothing() {
        // Nothing but quotes: what follows are instructions.
        let text = "FROM a\nRUN echo \"x <<EOF y\" 'z <<EOF' \"it's <<EOF\"\nFROM evil\nRUN <<EOF\nx\nEOF\n";
        assert_eq!(images(text), [(1, "a".into()), (3, "evil".into())]);
        let text = "FROM a\nRUN x<<EOF 1<<<EOF <<\nFROM evil\n";
        assert_eq!(images(text), [(1, "a".into()), (3, "evil".into())]);
        let text = "FROM a\nRUN cat <<EOF 3<<\"X\"\n1\nX\nEOF\n2\nX\nFROM b\n";
        assert_eq!(images(text), [(1, "a".into()), (8, "b".into())]);
        for (line, text) in [
            // The delimiter of this one is `EOF;`.
            (2, "FROM a\nRUN cat <<EOF;\nEOF;\nFROM evil\nEOF\n"),
            (2, "FROM a\nRUN echo \\\" <<EOF\nFROM evil\nEOF\n"),
            (2, "FROM a\nRUN cat <<$X\nx\n$X\n"),
            // Builders of old take it for an instruction.
            (3, "FROM a\nRUN cat <<EOF\nFROM evil\nEOF\n"),
            (3, "FROM a\nRUN cat <<EOF\n from --platform=x evil as e\nEOF\n"),
            (3, "FROM a\nRUN cat <<EOF\nCOPY --from=evil / /\nEOF\n"),
            // The builder sees one word, and no here-document.
            (2, "FROM a\nRUN : \\ <<CMD\nCOPY x /\nCMD\n"),
            (1, " # escape=`\nFROM a\n"),
        ] {
            assert_eq!(line_in_the_way(text), line, "{text}");
        }
    }

    #[test]
    fn what_builders_read_differently_is_not_guessed() {
        for (line, text) in [
            (2, "FROM a\nRUN x \\\\\nFROM evil\n"),
            (2, "# syntax=a\n# escape=`\nFROM b\n"),
            (1, "# escape=x\nFROM b\n"),
            (2, "FROM a\nCOPY --fr\\om=evil / /\n"),
            (2, "FROM a\nCOPY --fr\"om\"=evil / /\n"),
            (2, "FROM a\nCOPY --from=\"evil\" / /\n"),
            (2, "FROM a\nRUN --mount=type=bind,fr'om'=evil x\n"),
            (2, "FROM a\nONBUILD RUN --mount=FROM=evil x\n"),
        ] {
            assert_eq!(line_in_the_way(text), line, "{text}");
        }
        // After any other comment it is one, too.
        let text = "# a = b\n# escape=`\nFROM a\nRUN x `\nFROM\u{b}evil\n\u{a0}FROM other\n";
        assert_eq!(images(text), [(3, "a".into()), (5, "evil".into()), (6, "other".into())]);
        assert_eq!(images("FROM a\nRUN --mount=type=bind,From=b:1 x\n"), [(1, "a".into()), (2, "b:1".into())]);
    }

    #[test]
    fn mounts_name_images() {
        let text = "FROM a AS b\nRUN --mount=type=bind,from=tools:1,target=/t --mount=type=cache,from=b,target=/c x\n";
        assert_eq!(images(text), [(1, "a".into()), (2, "tools:1".into())]);
    }

    #[test]
    fn arguments_count_with_their_defaults() {
        let text = "ARG V=3 BASE=alpine\nFROM ${BASE}:${V}\nARG BASE=evil\nFROM $BASE\n";
        assert_eq!(images(text), [(2, "alpine:3".into()), (4, "alpine".into())]);
        let given = [("V".to_owned(), "9".to_owned())];
        assert_eq!(find(text, &given).unwrap().references[0].written, "alpine:9");
    }

    #[test]
    fn what_is_not_understood_is_an_error_on_its_line() {
        for (line, text) in [
            (1, "RUN x\n"),
            (1, ""),
            (2, "ARG A\nFROM $A\n"),
            (1, "FROM $A\nARG A=1\n"),
            (1, "FROM a b\n"),
            (1, "FROM\n"),
            (2, "FROM a\nCOPY --from=$X / /\n"),
            (2, "FROM a\nONBUILD COPY --from=b / /\n"),
            (2, "FROM a\nRUN --mount=type=bind,\"from=b\" x\n"),
            (2, "FROM a\nRUN <<EOF\nx\n"),
            (1, "//syntax=a\nFROM b\n"),
            (1, "FROM UPPER\n"),
        ] {
            assert_eq!(line_in_the_way(text), line, "{text}");
        }
    }

    #[test]
    fn only_the_references_change() {
        let text = "# top\nFROM   alpine:3   AS x # no comment\r\n\tCOPY --from=b:1 / /\n\n# end";
        assert!(find(text, &[]).is_err());
        let text = "# top\r\nARG V=3\nFROM   alpine:$V   AS x\r\n\tCOPY --from=b:1@sha256:0000000000000000000000000000\
                    000000000000000000000000000000000000 / /\n\n# end";
        let found = find(text, &[]).unwrap().references;
        let pinned: Vec<String> = found.iter().map(|reference| reference.pinned("sha256:1")).collect();
        let expected = "# top\r\nARG V=3\nFROM   alpine:3@sha256:1   AS x\r\n\tCOPY --from=b:1@sha256:1 / /\n\n# end";
        assert_eq!(replace(text, &found, &pinned), expected);
    }
}
