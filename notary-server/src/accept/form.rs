//! Whether a file may stand in a database that Notary's own programs write to.

use libtrust::dialect::{Envelope, Spelled};

use super::{Judgement, Refusal};

/// In which form files are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In any that can be read: digests are over the bytes as they came.
    Any,
    /// Exactly as Notary's programs write: they share the database, and compute digests over what they would write.
    AsNotaryWrites,
}

impl Judgement<'_> {
    /// Refuses an uploaded file that Notary's programs would know by another digest.
    pub(super) fn keeps_form<T: Spelled>(&self, envelope: &Envelope<'_>, says: &T) -> Result<(), Refusal> {
        if self.form == Form::Any || envelope.dialect().is_written_so(envelope, says) {
            return Ok(());
        }
        let role = envelope.role();
        let version = envelope.header().version;
        Err(Refusal::about(
            role,
            format!(
                "{role} version {version} is not spelled as Notary writes it, and this server shares its database with \
                 Notary, which would compute another digest; publish with notary or docker, or have the operator end the \
                 sharing (notary-server migrate --leave-notary)"
            ),
        ))
    }
}
