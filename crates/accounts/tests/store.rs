//! Accounts that are kept: what the files hold, what survives, and what a reader finds.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cairn_accounts::{
    Accounts, AccountsError, FILE, KEY_FILE, KeyPlace, NewKey, Owner, PolicyName, Store,
    TokenRefused, UserName, Watch,
};
use disk::{Disk, SimulatedDisk};
use model::{AccountId, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);
const READ_ONLY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cloudtrail:Get*","Resource":"*"}}"#;

fn account() -> AccountId {
    "111111111111".parse().unwrap()
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn policy(name: &str) -> PolicyName {
    name.parse().unwrap()
}

fn owner(name: Option<&str>) -> Owner {
    Owner { account: account(), user: name.map(user) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Randomness that differs with each draw and can be repeated.
fn dice(seed: u64) -> impl Fn() -> u64 {
    let state = Cell::new(seed);
    move || {
        state.set(state.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mixed = (state.get() ^ (state.get() >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn store(disk: &SimulatedDisk) -> Store {
    try_store(disk).unwrap()
}

fn try_store(disk: &SimulatedDisk) -> Result<Store, AccountsError> {
    Store::on(Arc::new(disk.process()), KeyPlace::DataDirectory)
}

fn read(disk: &SimulatedDisk) -> Result<Accounts, AccountsError> {
    Accounts::read(disk, &KeyPlace::DataDirectory)
}

/// An account with the user amy, a key of each, and a session of amy.
fn filled(disk: &SimulatedDisk) -> [NewKey; 3] {
    let (mut store, draw) = (store(disk), dice(1));
    store.create_account(&account(), Some("acme".parse().unwrap()), at(1)).unwrap();
    let read_only = Some((policy("read-only"), READ_ONLY.to_owned()));
    store.create_user(&account(), &user("amy"), read_only, at(2), &draw).unwrap();
    let of_root = store.create_key(&owner(None), at(3), &draw).unwrap();
    let of_amy = store.create_key(&owner(Some("amy")), at(4), &draw).unwrap();
    let session = store.create_session(&account(), &user("amy"), HOUR, at(5), &draw).unwrap();
    [of_root, of_amy, session]
}

#[test]
fn each_key_is_found_and_speaks_for_its_owner() {
    let disk = SimulatedDisk::default();
    let keys = filled(&disk);
    let accounts = read(&disk).unwrap();
    let arns = [
        "arn:aws:iam::111111111111:root",
        "arn:aws:iam::111111111111:user/amy",
        "arn:aws:iam::111111111111:user/amy",
    ];
    for ((key, arn), prefix) in keys.iter().zip(arns).zip(["AKIA", "AKIA", "ASIA"]) {
        let credential = accounts.find(&key.id).unwrap();
        assert_eq!(credential.secret.expose(), key.secret.expose());
        assert_eq!(credential.principal.arn(), arn);
        assert_eq!(credential.access_key_id, key.id);
        assert!(key.id.len() == 20 && key.id.starts_with(prefix), "{}", key.id);
        let is_id = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
        assert!(key.id.bytes().all(is_id), "{}", key.id);
        assert_eq!(key.secret.expose().len(), 40);
    }
    let [of_root, of_amy, session] = keys;
    let principal = |key: &NewKey| accounts.find(&key.id).unwrap().principal.clone();
    assert_eq!(principal(&of_root).alias.unwrap().as_str(), "acme");
    let amy = principal(&of_amy);
    assert!(amy.id().len() == 21 && amy.id().starts_with("AIDA"), "{}", amy.id());
    assert_eq!(amy.user.unwrap().policies.len(), 1);
    assert_eq!((amy.session_since, principal(&session).session_since), (None, Some(at(5))));
    assert!(accounts.contains(&account()));
    assert_eq!(accounts.ids().collect::<Vec<_>>(), [&account()]);
    assert!(accounts.find("AKIAAAAAAAAAAAAAAAAA").is_none());
}

#[test]
fn a_session_needs_its_token_until_it_ends_and_other_keys_have_none() {
    let disk = SimulatedDisk::default();
    let [_, of_amy, session] = filled(&disk);
    let accounts = read(&disk).unwrap();
    let (token, expires) = session.session.unwrap();
    assert_eq!(expires, at(5).plus(HOUR));
    let last = Timestamp::from_millis(expires.as_millis() - 1);
    let credential = accounts.find(&session.id).unwrap();
    let token = token.expose();
    assert_eq!(credential.check_token(Some(token), last), Ok(()));
    assert_eq!(credential.check_token(Some(token), expires), Err(TokenRefused::Expired));
    assert_eq!(credential.check_token(None, last), Err(TokenRefused::Invalid));
    assert_eq!(credential.check_token(Some(&token[1..]), last), Err(TokenRefused::Invalid));
    // That a session is over is told only to who has its token.
    assert_eq!(credential.check_token(Some("other"), expires), Err(TokenRefused::Invalid));
    let credential = accounts.find(&of_amy.id).unwrap();
    assert_eq!(credential.check_token(None, last), Ok(()));
    assert_eq!(credential.check_token(Some(token), last), Err(TokenRefused::Invalid));
}

#[test]
fn the_file_holds_no_secret_and_nothing_shows_one() {
    let disk = SimulatedDisk::default();
    let keys = filled(&disk);
    let file = String::from_utf8(disk::read(&disk, FILE).unwrap()).unwrap();
    let key = String::from_utf8(disk::read(&disk, KEY_FILE).unwrap()).unwrap();
    let (store, accounts) = (store(&disk), read(&disk).unwrap());
    let shown = format!("{store:?}{accounts:?}{keys:?}");
    for new in &keys {
        let token = new.session.as_ref().map(|(token, _)| token.expose());
        for secret in [Some(new.secret.expose()), token].into_iter().flatten() {
            assert!(!file.contains(secret) && !key.contains(secret));
            assert!(!shown.contains(secret));
            // Nor in another form, as a part of one.
            assert!(!file.contains(&secret[..8]) && !shown.contains(&secret[..8]));
        }
        assert!(file.contains(&new.id));
    }
    assert!(!file.contains(key.trim()) && !shown.contains(key.trim()));
}

#[test]
fn equal_secrets_are_not_seen_to_be_equal() {
    let disk = SimulatedDisk::default();
    let mut store = store(&disk);
    store.create_account(&account(), None, at(1)).unwrap();
    let kept = || {
        let file = String::from_utf8(disk::read(&disk, FILE).unwrap()).unwrap();
        file.lines().find(|line| line.contains("\"secret\"")).unwrap().to_owned()
    };
    // The same draws for both keys' secrets, and other ones for what they are encrypted with.
    let sealed = |seed| {
        let (draws, rest, count) = (dice(1), dice(seed), Cell::new(0));
        let draw = move || {
            count.set(count.get() + 1);
            if count.get() <= 6 { draws() } else { rest() }
        };
        Box::new(draw)
    };
    let one = store.create_key(&owner(None), at(1), &sealed(7)).unwrap();
    let first = kept();
    store.delete_key(&one.id, at(2)).unwrap();
    let two = store.create_key(&owner(None), at(1), &sealed(8)).unwrap();
    assert_eq!((one.id, one.secret), (two.id, two.secret));
    assert_ne!(kept(), first);
}

#[test]
fn a_secret_moved_to_another_key_is_not_taken() {
    let disk = SimulatedDisk::default();
    let [of_root, of_amy, _] = filled(&disk);
    let text = String::from_utf8(disk::read(&disk, FILE).unwrap()).unwrap();
    let swapped = text
        .replace(&of_root.id, "KEY")
        .replace(&of_amy.id, &of_root.id)
        .replace("KEY", &of_amy.id);
    write_state(&disk, &swapped);
    let error = read(&disk).unwrap_err().to_string();
    assert!(error.contains("the secret of") && error.contains("is damaged"), "{error}");
}

/// Writes a file whose state was edited, with a checksum that holds.
fn write_state(disk: &SimulatedDisk, text: &str) {
    let begin = text.find("\"state\": ").unwrap() + "\"state\": ".len();
    let state = text[begin..].trim_end().strip_suffix('}').unwrap().trim_end();
    let checksum = crc32fast::hash(state.as_bytes());
    let text = format!(r#"{{"format":1,"checksum":{checksum},"state":{state}}}"#);
    disk::replace(disk, FILE, text.as_bytes()).unwrap();
}

#[test]
fn a_flipped_bit_is_noticed_or_changes_nothing() {
    let disk = SimulatedDisk::default();
    let keys = filled(&disk);
    let before = store(&disk).accounts().clone();
    let secrets = |accounts: &Accounts| {
        keys.iter().map(|key| accounts.find(&key.id).unwrap().secret.clone()).collect::<Vec<_>>()
    };
    let expected = secrets(&read(&disk).unwrap());
    for file in [FILE, KEY_FILE] {
        let bits = disk::read(&disk, file).unwrap().len() as u64 * 8;
        let mut noticed = 0;
        for bit in 0..bits {
            disk.flip_bit(file, bit).unwrap();
            match read(&disk) {
                Ok(found) => {
                    assert_eq!(secrets(&found), expected, "{file}: bit {bit}");
                    assert_eq!(*store(&disk).accounts(), before, "{file}: bit {bit}");
                }
                Err(_) => noticed += 1,
            }
            disk.flip_bit(file, bit).unwrap();
        }
        assert!(noticed > bits / 2, "{file}: {noticed} of {bits}");
    }
}

/// A change that is killed at each of its disk operations in turn leaves what was or what will be.
#[track_caller]
fn killed_anywhere(
    prepare: impl Fn(&SimulatedDisk),
    change: impl Fn(&mut Store) -> Result<(), AccountsError>,
) {
    let prepared = || {
        let disk = SimulatedDisk::default();
        prepare(&disk);
        disk
    };
    let disk = prepared();
    let before = store(&disk).accounts().clone();
    let begun = disk.operations();
    change(&mut store(&disk)).unwrap();
    let (after, steps) = (store(&disk).accounts().clone(), disk.operations() - begun);
    assert!(before != after && steps >= 5, "{steps} operations");
    let mut outcomes = [0, 0];
    let kills = (0..steps).flat_map(|step| (0..5).map(move |die| (step, die)));
    for (step, die) in kills {
        let disk = prepared();
        let mut store = store(&disk);
        disk.stop_after(step);
        change(&mut store).expect_err("the change hears of it");
        match die {
            4 => disk.crash_process(),
            die => disk.lose_power(&mut |sides| die % sides),
        }
        let found = try_store(&disk).unwrap().accounts().clone();
        assert!(found == before || found == after, "step {step}: {found:?}");
        outcomes[usize::from(found == after)] += 1;
        // What is kept can be read, and changed again.
        read(&disk).unwrap();
        if found == before {
            change(&mut try_store(&disk).unwrap()).unwrap();
            read(&disk).unwrap();
            assert_ne!(*try_store(&disk).unwrap().accounts(), before);
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

#[test]
fn the_first_key_killed_at_any_disk_operation() {
    let prepare =
        |disk: &SimulatedDisk| store(disk).create_account(&account(), None, at(1)).unwrap();
    killed_anywhere(prepare, |store| store.create_key(&owner(None), at(2), &dice(3)).map(drop));
}

#[test]
fn later_changes_killed_at_any_disk_operation() {
    let prepare = |disk: &SimulatedDisk| drop(filled(disk));
    killed_anywhere(prepare, |store| store.delete_account(&account(), at(6)));
    killed_anywhere(prepare, |store| {
        store.create_key(&owner(Some("amy")), at(6), &dice(4)).map(drop)
    });
    killed_anywhere(prepare, |store| {
        store.put_policy(&account(), &user("amy"), &policy("b"), READ_ONLY, at(6))
    });
}

#[test]
fn keys_that_were_deactivated_or_deleted_are_not_found() {
    let disk = SimulatedDisk::default();
    let [of_root, of_amy, session] = filled(&disk);
    let mut store = store(&disk);
    assert_eq!(store.set_key_active(&of_amy.id, false, at(6)).unwrap(), owner(Some("amy")));
    assert!(read(&disk).unwrap().find(&of_amy.id).is_none());
    store.set_key_active(&of_amy.id, true, at(6)).unwrap();
    assert!(read(&disk).unwrap().find(&of_amy.id).is_some());
    assert_eq!(store.set_key_active(&of_root.id, false, at(6)).unwrap(), owner(None));
    assert!(read(&disk).unwrap().find(&of_root.id).is_none());
    store.set_key_active(&of_root.id, true, at(6)).unwrap();
    assert_eq!(store.delete_key(&of_root.id, at(6)).unwrap(), owner(None));
    assert_eq!(store.delete_key(&session.id, at(6)).unwrap(), owner(Some("amy")));
    let accounts = read(&disk).unwrap();
    assert!(accounts.find(&of_root.id).is_none() && accounts.find(&session.id).is_none());
    store.delete_user(&account(), &user("amy"), at(6)).unwrap();
    assert!(read(&disk).unwrap().find(&of_amy.id).is_none());
    assert!(read(&disk).unwrap().contains(&account()));
    store.delete_account(&account(), at(6)).unwrap();
    assert!(!read(&disk).unwrap().contains(&account()));
}

#[test]
fn sessions_that_are_over_go_with_the_next_change() {
    let disk = SimulatedDisk::default();
    let [_, _, session] = filled(&disk);
    let mut store = store(&disk);
    let sessions = |store: &Store| store.accounts()[&account()].users[&user("amy")].sessions.len();
    let change = |store: &mut Store, name: &str, now| {
        store.put_policy(&account(), &user("amy"), &policy(name), READ_ONLY, now).unwrap();
    };
    change(&mut store, "a", Timestamp::from_millis(at(5).plus(HOUR).as_millis() - 1));
    assert_eq!(sessions(&store), 1);
    change(&mut store, "b", at(5).plus(HOUR));
    assert_eq!(sessions(&store), 0);
    assert!(read(&disk).unwrap().find(&session.id).is_none());
}

#[test]
fn changes_that_make_no_sense_are_refused_and_change_nothing() {
    let disk = SimulatedDisk::default();
    filled(&disk);
    let mut store = store(&disk);
    let before = (store.accounts().clone(), disk::read(&disk, FILE).unwrap());
    let (draw, other) = (dice(9), "222222222222".parse().unwrap());
    let (amy, bob, mary) = (user("amy"), user("bob"), user("AMY"));
    let too_wide = READ_ONLY.replace("Allow", "allow");
    let named = |text: &str| Some((policy("p"), text.to_owned()));
    let refusals: Vec<(Result<(), AccountsError>, &str)> = vec![
        (store.create_account(&account(), None, at(9)), "account 111111111111 exists already"),
        (
            store.create_account(&other, Some("acme".parse().unwrap()), at(9)),
            "account 111111111111 has this alias",
        ),
        (store.delete_account(&other, at(9)), "create it with: cairn account create 222222222222"),
        (
            store.create_user(&account(), &mary, None, at(9), &draw).map(drop),
            "has a user amy already (case does not count)",
        ),
        (
            store.create_user(&account(), &bob, named(&too_wide), at(9), &draw).map(drop),
            "the policy is refused: Statement.Effect: expected \"Allow\" or \"Deny\"",
        ),
        (
            store.create_user(&other, &bob, None, at(9), &draw).map(drop),
            "there is no account 222222222222",
        ),
        (store.delete_user(&account(), &bob, at(9)), "cairn account create-user 111111111111 bob"),
        (store.put_policy(&account(), &amy, &policy("p"), "{}", at(9)), "the policy is refused"),
        (store.put_policy(&account(), &bob, &policy("p"), READ_ONLY, at(9)), "has no user bob"),
        (store.delete_policy(&account(), &amy, &policy("p"), at(9)), "user amy has no policy p"),
        (store.create_key(&owner(Some("bob")), at(9), &draw).map(drop), "has no user bob"),
        (store.delete_key("AKIANONE", at(9)).map(drop), "there is no access key AKIANONE"),
        (store.set_key_active("AKIANONE", true, at(9)).map(drop), "there is no access key"),
        (store.create_session(&account(), &bob, HOUR, at(9), &draw).map(drop), "has no user bob"),
        (
            store.create_session(&account(), &amy, HOUR / 5, at(9), &draw).map(drop),
            "from 15 minutes to 36 hours",
        ),
        (
            store.create_session(&account(), &amy, 37 * HOUR, at(9), &draw).map(drop),
            "from 15 minutes to 36 hours",
        ),
    ];
    for (refused, message) in refusals {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(message), "{error}, not {message}");
    }
    assert_eq!((store.accounts().clone(), disk::read(&disk, FILE).unwrap()), before);
}

#[test]
fn there_are_bounds_on_keys_and_policies() {
    let disk = SimulatedDisk::default();
    filled(&disk);
    let (mut store, draw) = (store(&disk), dice(9));
    for whose in [None, Some("amy")] {
        store.create_key(&owner(whose), at(9), &draw).unwrap();
        let error = store.create_key(&owner(whose), at(9), &draw).unwrap_err().to_string();
        assert!(error.contains("has 2 access keys already"), "{error}");
    }
    for number in 1..10 {
        let name = policy(&format!("p{number}"));
        store.put_policy(&account(), &user("amy"), &name, READ_ONLY, at(9)).unwrap();
    }
    let eleventh = store.put_policy(&account(), &user("amy"), &policy("q"), READ_ONLY, at(9));
    let error = eleventh.unwrap_err().to_string();
    assert!(error.contains("amy has 10 policies already"), "{error}");
    store.put_policy(&account(), &user("amy"), &policy("p1"), READ_ONLY, at(9)).unwrap();
}

#[test]
fn a_disk_without_accounts_has_none_and_needs_no_key() {
    let disk = SimulatedDisk::default();
    assert_eq!(read(&disk).unwrap().ids().count(), 0);
    store(&disk).create_account(&account(), None, at(1)).unwrap();
    assert!(read(&disk).unwrap().contains(&account()));
    assert_eq!(disk.list("").unwrap(), [FILE], "a key is drawn for the first secret");
}

#[test]
fn a_key_that_is_missing_or_another_is_told_from_damage() {
    let disk = SimulatedDisk::default();
    filled(&disk);
    let key = disk::read(&disk, KEY_FILE).unwrap();
    let message = |disk: &SimulatedDisk| {
        let read = read(disk).unwrap_err().to_string();
        let mut store = store(disk);
        let changed = store.create_key(&owner(None), at(9), &dice(9)).unwrap_err().to_string();
        assert_eq!(read, changed);
        read
    };
    disk::replace(&disk, KEY_FILE, "0".repeat(64).as_bytes()).unwrap();
    assert!(message(&disk).contains("accounts.key is not the key"));
    disk::replace(&disk, KEY_FILE, b"secret").unwrap();
    assert!(message(&disk).contains("accounts.key holds no key; expected 64 hexadecimal digits"));
    disk.remove(KEY_FILE).unwrap();
    assert!(message(&disk).contains("accounts.key is missing"));
    disk::replace(&disk, KEY_FILE, key.trim_ascii()).unwrap();
    read(&disk).unwrap();
}

#[test]
fn the_key_may_be_kept_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let place = KeyPlace::File(directory.path().join("the.key"));
    let disk = SimulatedDisk::default();
    let mut store = Store::on(Arc::new(disk.clone()), place.clone()).unwrap();
    store.create_account(&account(), None, at(1)).unwrap();
    let key = store.create_key(&owner(None), at(1), &dice(1)).unwrap();
    assert_eq!(disk.list("").unwrap(), [FILE], "no key beside the accounts");
    assert!(Accounts::read(&disk, &place).unwrap().find(&key.id).is_some());
    let mode = std::fs::metadata(directory.path().join("the.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777, 0o600);
    let elsewhere = KeyPlace::File(directory.path().join("none/the.key"));
    let error = Accounts::read(&disk, &elsewhere).unwrap_err().to_string();
    assert!(error.contains("none/the.key is missing"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_kept_and_nothing_is_changed() {
    let disk = SimulatedDisk::default();
    for (text, message) in [
        ("{", "unreadable"),
        (r#"{"format":2}"#, "use the newer version"),
        (r#"{"format":1,"checksum":0,"state":{}}"#, "damaged"),
    ] {
        disk::replace(&disk, FILE, text.as_bytes()).unwrap();
        for error in [read(&disk).unwrap_err(), try_store(&disk).unwrap_err()] {
            assert!(error.to_string().contains(message), "{error}");
        }
        assert_eq!(disk::read(&disk, FILE).unwrap(), text.as_bytes());
    }
}

#[test]
fn a_member_that_only_a_later_version_knows_is_no_damage() {
    let disk = SimulatedDisk::default();
    let [of_root, ..] = filled(&disk);
    let text = String::from_utf8(disk::read(&disk, FILE).unwrap()).unwrap();
    write_state(&disk, &text.replace("\"alias\"", "\"later\": 1, \"alias\""));
    assert!(read(&disk).unwrap().find(&of_root.id).is_some());
}

fn real(directory: &Path) -> Store {
    Store::open(directory, KeyPlace::DataDirectory).unwrap()
}

#[test]
fn a_daemon_that_holds_the_directory_sees_each_change_once() {
    let directory = tempfile::tempdir().unwrap();
    let held = disk::RealDisk::open(directory.path()).unwrap();
    let mut watch = Watch::new(directory.path());
    let mut poll = || watch.poll(&held, &KeyPlace::DataDirectory);
    assert!(poll().unwrap().is_none(), "there is nothing yet");
    real(directory.path()).create_account(&account(), None, at(1)).unwrap();
    assert!(poll().unwrap().unwrap().contains(&account()));
    assert!(poll().unwrap().is_none(), "nothing changed");
    let key = real(directory.path()).create_key(&owner(None), at(1), &dice(1)).unwrap();
    assert!(poll().unwrap().unwrap().find(&key.id).is_some());
    // As many bytes as before.
    real(directory.path()).set_key_active(&key.id, false, at(1)).unwrap();
    assert!(poll().unwrap().unwrap().find(&key.id).is_none());
    let file = directory.path().join(FILE);
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "{").unwrap();
    poll().unwrap_err();
    poll().unwrap_err();
    std::fs::write(&file, good).unwrap();
    assert!(poll().unwrap().unwrap().contains(&account()));
    std::fs::remove_file(&file).unwrap();
    assert!(!poll().unwrap().unwrap().contains(&account()));
    assert!(poll().unwrap().is_none());
    let mut names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    names.retain(|entry| {
        let mode = entry.as_ref().unwrap().metadata().unwrap().permissions();
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o077 != 0
    });
    assert!(names.is_empty(), "only the owner reads them: {names:?}");
}

#[test]
fn those_who_change_wait_for_each_other() {
    let directory = tempfile::tempdir().unwrap();
    real(directory.path()).create_account(&account(), None, at(1)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let directory = directory.path();
            scope.spawn(move || {
                for number in 0..5 {
                    let (name, draw) = (user(&format!("u{thread}-{number}")), dice(thread));
                    real(directory).create_user(&account(), &name, None, at(2), &draw).unwrap();
                }
            });
        }
    });
    assert_eq!(real(directory.path()).accounts()[&account()].users.len(), 20);
}
