//! Random calls on the real and the simulated disk: every answer is the same.

#![allow(clippy::unwrap_used)]

use cairn_disk::{Disk, File, RealDisk, SimulatedDisk, read};
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
enum Call {
    List(&'static str),
    CreateDirectory(&'static str),
    Create(&'static str, u64),
    Open(&'static str),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    SyncDirectory(&'static str),
    Write(usize, Vec<u8>, u64),
    Read(usize, usize, u64),
    Sync(usize),
}

fn a_call() -> impl Strategy<Value = Call> {
    let directory = || select(vec!["", "d", "d/e"]);
    let path = || select(vec!["a", "b", "d/a", "d/b", "d/e/a", "d", "d/e"]);
    let bytes = prop::collection::vec(1..=255_u8, 0..1500);
    prop_oneof![
        directory().prop_map(Call::List),
        directory().prop_map(Call::CreateDirectory),
        (path(), 0..1500_u64).prop_map(|(path, size_bytes)| Call::Create(path, size_bytes)),
        path().prop_map(Call::Open),
        (path(), path()).prop_map(|(from, to)| Call::Rename(from, to)),
        path().prop_map(Call::Remove),
        directory().prop_map(Call::SyncDirectory),
        (0..4_usize, bytes, 0..2000_u64).prop_map(|(file, bytes, at)| Call::Write(file, bytes, at)),
        (0..4_usize, 0..1500_usize, 0..3000_u64)
            .prop_map(|(file, size, at)| Call::Read(file, size, at)),
        (0..4_usize).prop_map(Call::Sync),
    ]
}

/// A disk with the files opened on it, newest first.
struct Player {
    disk: Box<dyn Disk>,
    files: Vec<Box<dyn File>>,
}

impl Player {
    fn new(disk: impl Disk + 'static) -> Player {
        Player { disk: Box::new(disk), files: Vec::new() }
    }

    /// The answer as text; of an error only its kind.
    fn play(&mut self, call: &Call) -> String {
        let answer = match call {
            Call::List(directory) => self.disk.list(directory).map(|names| names.join(" ")),
            Call::CreateDirectory(path) => self.disk.create_directory(path).map(nothing),
            Call::Create(path, size_bytes) => {
                let created = self.disk.create(path, *size_bytes);
                created.map(|file| self.keep(file))
            }
            Call::Open(path) => {
                let opened = self.disk.open(path);
                opened.map(|file| self.keep(file))
            }
            Call::Rename(from, to) => self.disk.rename(from, to).map(nothing),
            Call::Remove(path) => self.disk.remove(path).map(nothing),
            Call::SyncDirectory(directory) => self.disk.sync_directory(directory).map(nothing),
            other => return self.play_on_file(other),
        };
        answer.unwrap_or_else(|error| error.kind().to_string())
    }

    fn keep(&mut self, file: Box<dyn File>) -> String {
        self.files.insert(0, file);
        "opened".to_owned()
    }

    fn play_on_file(&mut self, call: &Call) -> String {
        let (Call::Write(file, ..) | Call::Read(file, ..) | Call::Sync(file)) = call else {
            unreachable!("the other calls are the disk's");
        };
        let Some(file) = self.files.get(*file) else { return "no such handle".to_owned() };
        match call {
            Call::Write(_, bytes, offset) => file.write_all_at(bytes, *offset).unwrap(),
            Call::Sync(_) => file.sync().unwrap(),
            Call::Read(_, size, offset) => {
                let mut buffer = vec![0; *size];
                let count = file.read_at(&mut buffer, *offset).unwrap();
                return format!("{count} {buffer:?}");
            }
            _ => {}
        }
        file.size_bytes().unwrap().to_string()
    }

    fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        for directory in ["", "d/", "d/e/"] {
            let names = self.disk.list(directory.trim_end_matches('/')).unwrap_or_default();
            for path in names.iter().map(|name| format!("{directory}{name}")) {
                all.push((path.clone(), read(&*self.disk, &path).unwrap()));
            }
        }
        all
    }
}

fn nothing(_: ()) -> String {
    "done".to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulated_disk_answers_like_the_real_one(calls in prop::collection::vec(a_call(), 1..60)) {
        let directory = tempfile::tempdir().unwrap();
        let mut real = Player::new(RealDisk::open(directory.path()).unwrap());
        let mut simulated = Player::new(SimulatedDisk::new());
        for call in &calls {
            prop_assert_eq!(real.play(call), simulated.play(call), "{:?}", call);
        }
        prop_assert_eq!(real.everything(), simulated.everything());
    }
}
