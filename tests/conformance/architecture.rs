//! `ARCHITECTURE.md` describes the tree that is there.

use std::collections::BTreeSet;

use super::{path, read};

/// The rooms that the first column of the table names.
fn described() -> BTreeSet<String> {
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(room, _)| room.to_owned()).collect()
}

#[test]
fn the_document_names_every_room_and_no_other() {
    let entries = std::fs::read_dir(path("src")).unwrap().map(|entry| entry.unwrap().file_name());
    let rooms = entries.map(|name| name.to_str().unwrap().trim_end_matches(".rs").to_owned());
    let rooms: BTreeSet<_> = rooms.filter(|room| !["lib", "bin", "main"].contains(&room.as_str())).collect();
    assert_eq!(described(), rooms);
}

#[test]
fn every_file_that_the_documents_name_exists() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(document);
        let rooms = described();
        let mut room = String::new();
        for line in text.lines() {
            if let Some((name, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`')) {
                room = name.to_owned();
            }
            for name in line.split('`').skip(1).step_by(2).filter(|name| name.contains('.') || name.contains('/')) {
                let is_file = name.ends_with(".rs") || name.ends_with(".md") || name.ends_with('/');
                let places = [name.to_owned(), format!("src/{name}"), format!("src/{room}/{name}")];
                let exists = places.iter().any(|place| path(place).exists());
                assert!(exists || !is_file, "{document} names {name}, in the row of {room} of {rooms:?}");
            }
        }
    }
}
