//! Several sources, asked in order.

use zeroize::Zeroizing;

use super::{PassphraseError, PassphraseRequest, Passphrases};

/// Sources that know one answer each, and after them, if there is somebody to ask, that one as often as it takes.
///
/// A source that has no answer is passed over. One whose answer was wrong is followed by the next, so a wrong variable
/// neither repeats without end nor keeps a person from being asked.
#[derive(Default)]
pub struct PassphraseChain {
    known: Vec<Box<dyn Passphrases>>,
    asked: Option<Box<dyn Passphrases>>,
}

impl PassphraseChain {
    /// A chain without sources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source that knows one answer: a variable, a file, a descriptor.
    #[must_use]
    pub fn then(mut self, source: impl Passphrases + 'static) -> Self {
        self.known.push(Box::new(source));
        self
    }

    /// Sets who is asked last, again and again: a person.
    #[must_use]
    pub fn then_ask(mut self, source: impl Passphrases + 'static) -> Self {
        self.asked = Some(Box::new(source));
        self
    }
}

impl Passphrases for PassphraseChain {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        let mut left = request.wrong_answers;
        let (mut wrong, mut missing) = (None, Vec::new());
        for source in &self.known {
            match source.passphrase(&PassphraseRequest { wrong_answers: 0, ..request.clone() }) {
                Ok(answer) if left == 0 => return Ok(answer),
                Ok(_) => {
                    let again = PassphraseRequest { wrong_answers: 1, ..request.clone() };
                    wrong = source.passphrase(&again).err().or(wrong);
                    left -= 1;
                }
                Err(PassphraseError::Unavailable(why)) => missing.push(why),
                Err(other) => return Err(other),
            }
        }
        if let Some(asked) = &self.asked {
            match asked.passphrase(&PassphraseRequest { wrong_answers: left, ..request.clone() }) {
                Err(PassphraseError::Unavailable(why)) => missing.push(why),
                other => return other,
            }
        }
        // A wrong answer says more than that nobody else had one.
        Err(wrong.unwrap_or_else(|| PassphraseError::Unavailable(nobody(request, &missing))))
    }
}

fn nobody(request: &PassphraseRequest<'_>, missing: &[String]) -> String {
    let which = if request.is_new { "new passphrase for the" } else { "passphrase for the" };
    let hint = if missing.is_empty() { "no source is set".to_owned() } else { missing.join(", or ") };
    format!("there is no {which} {} key: {hint}", request.role)
}

impl std::fmt::Debug for PassphraseChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources = self.known.len() + usize::from(self.asked.is_some());
        f.debug_struct("PassphraseChain").field("sources", &sources).finish()
    }
}
