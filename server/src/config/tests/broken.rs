//! The folder `broken`: files with the faults they must earn, all of them and no other, as their
//! first lines, which begin with `#!` and are not part of the file that is read.

use std::path::PathBuf;

use super::Folder;

#[test]
fn every_broken_file_earns_exactly_the_faults_it_names() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/config/broken");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut wanted: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#! ")).collect();
        let rest: Vec<_> = text.lines().filter(|line| !line.starts_with("#! ")).collect();
        let kind = file.extension().unwrap().to_str().unwrap();
        let name = if kind == "toml" { "station.toml" } else { "fcu.yml" };
        let place = Folder::new();
        // Without content, so that they take no room.
        for (name, bytes) in [("2MiB.bin", 2 << 20), ("more-than-2MiB.bin", (2 << 20) + 1)] {
            let file = place.path().join("certificates").join(name);
            std::fs::File::create(file).unwrap().set_len(bytes).unwrap();
        }
        let faults = place.write(name, rest.join("\n")).faults(&[("TWO_LINES", "a\nb: c")]);
        let mut got: Vec<_> = faults.lines().collect();
        wanted.sort_unstable();
        got.sort_unstable();
        if wanted != got || got.is_empty() {
            let got: Vec<_> = faults.lines().map(|fault| format!("#! {fault}")).collect();
            wrong.push(format!("{}\n{}", file.display(), got.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "other faults than named:\n\n{}", wrong.join("\n\n"));
    assert!(files.len() > 15, "the folder of broken files is gone");
}
