//! Reading what a person types, byte by byte: nothing is read ahead, so that what follows is left for the next question.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize, Zeroizing};

/// The longest line that is taken, in bytes. Against a pipe that never ends its line.
const MAX_LINE: usize = 4096;

const CONTROL_C: u8 = 0x03;
const CONTROL_D: u8 = 0x04;
const CONTROL_U: u8 = 0x15;
const CONTROL_BACKSLASH: u8 = 0x1c;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;

/// Reads a line, without its end; `None` if there is nothing any more.
pub(super) fn line(from: impl AsFd) -> io::Result<Option<Zeroizing<String>>> {
    let mut typed = Typed::default();
    while let Some(byte) = next(&from)? {
        if byte == b'\n' {
            return typed.text().map(Some);
        }
        typed.push(byte)?;
    }
    if typed.bytes.is_empty() { Ok(None) } else { typed.text().map(Some) }
}

/// Reads a line that the terminal does not show. The terminal is as before when this returns, whatever was typed.
pub(super) fn hidden_line(from: impl AsFd) -> io::Result<Option<Zeroizing<String>>> {
    let _silence = Silence::over(&from)?;
    let mut typed = Typed::default();
    loop {
        match next(&from)? {
            Some(b'\n' | b'\r') => return typed.text().map(Some),
            // Signals are off, or the process would end and leave a terminal behind that shows nothing.
            Some(CONTROL_C | CONTROL_BACKSLASH) => return Err(io::ErrorKind::Interrupted.into()),
            None | Some(CONTROL_D) if typed.bytes.is_empty() => return Ok(None),
            None => return typed.text().map(Some),
            Some(CONTROL_D) => {}
            Some(BACKSPACE | DELETE) => typed.pop(),
            Some(CONTROL_U) => typed.bytes.zeroize(),
            Some(byte) => typed.push(byte)?,
        }
    }
}

fn next(from: impl AsFd) -> io::Result<Option<u8>> {
    let mut byte = [0_u8];
    let read = rustix::io::retry_on_intr(|| rustix::io::read(&from, &mut byte))?;
    let found = (read > 0).then_some(byte);
    byte.zeroize();
    Ok(found.map(|[byte]| byte))
}

/// What was typed so far. It never moves in memory, so that wiping it leaves no copy.
struct Typed {
    bytes: Zeroizing<Vec<u8>>,
}

impl Default for Typed {
    fn default() -> Self {
        Self { bytes: Zeroizing::new(Vec::with_capacity(MAX_LINE)) }
    }
}

impl Typed {
    fn push(&mut self, byte: u8) -> io::Result<()> {
        if self.bytes.len() == MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the line is too long"));
        }
        self.bytes.push(byte);
        Ok(())
    }

    /// Takes the last character back, all of its bytes.
    fn pop(&mut self) {
        while let Some(byte) = self.bytes.pop() {
            if byte & 0b1100_0000 != 0b1000_0000 {
                break;
            }
        }
    }

    fn text(mut self) -> io::Result<Zeroizing<String>> {
        let bytes = std::mem::take(&mut *self.bytes);
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(io::Error::new(io::ErrorKind::InvalidData, "what was typed is not UTF-8"))
            }
        }
    }
}

/// The terminal as it was, while it shows nothing: for whoever ends the process meanwhile.
static HIDDEN: Mutex<Option<Termios>> = Mutex::new(None);

/// Lets standard input show what is typed again, if it does not just now.
pub(super) fn give_back() {
    if let Some(before) = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Nothing can be done about a terminal that went away.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before);
    }
}

/// A terminal that shows nothing, until this is dropped.
struct Silence<F: AsFd> {
    terminal: F,
    before: Termios,
}

impl<F: AsFd> Silence<F> {
    fn over(terminal: F) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        *HIDDEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(before.clone());
        tcsetattr(&terminal, OptionalActions::Drain, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl<F: AsFd> Drop for Silence<F> {
    fn drop(&mut self) {
        HIDDEN.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;

    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// Both ends of a real terminal: what a person holds, and what the program reads.
    fn terminal() -> (File, OwnedFd) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (person.into(), program)
    }

    /// What the program reads when this is typed once it listens, and what the person saw of it.
    fn typed(keys: &[u8]) -> (io::Result<Option<String>>, String) {
        let (mut person, program) = terminal();
        let before = tcgetattr(&program).unwrap().local_modes;
        let result = std::thread::scope(|scope| {
            let reading = scope.spawn(|| hidden_line(&program));
            while tcgetattr(&program).unwrap().local_modes.contains(LocalModes::ECHO) {
                std::thread::yield_now();
            }
            person.write_all(keys).unwrap();
            reading.join().unwrap()
        });
        assert_eq!(tcgetattr(&program).unwrap().local_modes, before, "the terminal was left as it is");
        rustix::io::write(&program, b"$").unwrap();
        let mut screen = [0; 64];
        let shown = person.read(&mut screen).unwrap();
        (result.map(|text| text.map(|text| text.to_string())), String::from_utf8_lossy(&screen[..shown]).into_owned())
    }

    #[test]
    fn what_is_typed_is_not_shown() {
        let (read, shown) = typed("correct horse é\n".as_bytes());
        assert_eq!(read.unwrap().unwrap(), "correct horse é");
        assert_eq!(shown, "$");
    }

    #[test]
    fn mistakes_can_be_taken_back() {
        assert_eq!(typed("nonsense\u{15}abé\u{7f}c\r".as_bytes()).0.unwrap().unwrap(), "abc");
        assert_eq!(typed(b"\x7fa\n").0.unwrap().unwrap(), "a");
        assert_eq!(typed(b"\n").0.unwrap().unwrap(), "");
    }

    #[test]
    fn giving_up_leaves_a_working_terminal() {
        assert_eq!(typed(b"half\x03").0.unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(typed(b"\x04").0.unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(&[b'a'; MAX_LINE + 1]).unwrap();
        std::io::Seek::rewind(&mut &file).unwrap();
        assert_eq!(line(&file).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn lines_come_one_by_one() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"yes\nno").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        assert_eq!(line(&file).unwrap().unwrap().as_str(), "yes");
        assert_eq!(line(&file).unwrap().unwrap().as_str(), "no");
        assert_eq!(line(&file).unwrap(), None);
    }
}
