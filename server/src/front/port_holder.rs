//! Which process of this machine listens at a port, as Linux tells it.

use std::fs;
use std::path::Path;

/// The process that listens at `port`: `process 812 (nginx)`. `None` where the system does not say,
/// as it does not of other users' processes.
pub fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let tables = tables.iter().filter_map(|table| fs::read_to_string(table).ok());
    let sockets: Vec<String> = tables
        .flat_map(|table| table.lines().filter_map(|line| socket(line, port)).collect::<Vec<_>>())
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let name = process.file_name().to_string_lossy().into_owned();
        if name.bytes().all(|byte| byte.is_ascii_digit()) && has_any(&process.path(), &sockets) {
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {name} ({})", program.trim()));
        }
    }
    None
}

fn has_any(process: &Path, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    let files = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    files.into_iter().any(|target| sockets.iter().any(|socket| target == Path::new(socket)))
}

/// The socket of a line of the kernel's table, if it listens at `port`: local address, state 0A,
/// and inode are the second, the fourth and the tenth field.
fn socket(line: &str, port: u16) -> Option<String> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    let (_, digits) = local.rsplit_once(':')?;
    (u16::from_str_radix(digits, 16) == Ok(port)).then(|| format!("socket:[{inode}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let said = holder(port).unwrap();
        assert!(said.starts_with(&format!("process {} (", std::process::id())), "{said}");
        drop(listener);
        assert_eq!(holder(port), None);
    }
}
