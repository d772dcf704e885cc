//! Docker tells its plugins to end by closing a socket, because a signal to Docker alone would not reach them.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::terminal;

/// What a process ends with that was interrupted, as shells count it.
const INTERRUPTED: i32 = 130;

/// Calls `end` once `socket` is closed from the other side. A socket that is not there is no reason to fail: older clients
/// have none.
pub(super) fn when_closed(socket: &Path, end: impl FnOnce() + Send + 'static) {
    let Some(mut connection) = connect(socket) else { return };
    std::thread::spawn(move || {
        let mut bytes = [0; 64];
        loop {
            match connection.read(&mut bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        end();
    });
}

/// Ends this process, and leaves the terminal as it was. What is on disk is whole at any moment.
pub(super) fn end() {
    terminal::give_back();
    std::process::exit(INTERRUPTED);
}

/// A leading `@` names an abstract socket.
fn connect(socket: &Path) -> Option<UnixStream> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.to_str().and_then(|socket| socket.strip_prefix('@')) {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        return UnixStream::connect_addr(&SocketAddr::from_abstract_name(name).ok()?).ok();
    }
    UnixStream::connect(socket).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_closed_socket_means_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let docker = UnixListener::bind(&socket).unwrap();
        let (told, ended) = channel();
        when_closed(&socket, move || told.send(()).unwrap());
        let (connection, _) = docker.accept().unwrap();
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err(), "ended while Docker was there");
        drop(connection);
        ended.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn no_socket_means_nothing() {
        when_closed(Path::new("/nowhere/socket"), || unreachable!());
    }
}
