//! The key that secrets are encrypted with: 32 bytes, kept apart from them.
//!
//! By default it is the file `accounts.key` beside `accounts.json`, made when the first secret is
//! kept. Whoever keeps it elsewhere (as a credential of systemd, on another disk) gives its path:
//! then a copy of the data directory gives no secret away. The file holds 64 hexadecimal digits, as
//! `openssl rand -hex 32` writes them.
//!
//! Why secrets are not hashed: a signature is verified by making it again, which takes the secret.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use disk::Disk;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::draw::{Entropy, bytes};
use crate::error::AccountsError;
use crate::secret::Secret;

/// The key's file, in the data directory unless it is kept elsewhere.
pub const KEY_FILE: &str = "accounts.key";
const KEY_BYTES: usize = 32;

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the data directory, as [`KEY_FILE`].
    DataDirectory,
    /// In this file.
    File(PathBuf),
}

/// Encrypts and decrypts secrets by AES-256-GCM.
pub(crate) struct Key {
    cipher: LessSafeKey,
    id: String,
}

/// A secret, encrypted: nonce, text and tag, as base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Sealed(String);

impl Key {
    /// Reads the key; `None` when there is no file.
    pub(crate) fn read(place: &KeyPlace, disk: &dyn Disk) -> Result<Option<Key>, AccountsError> {
        let read = match place {
            KeyPlace::DataDirectory => disk::read(disk, KEY_FILE),
            KeyPlace::File(path) => std::fs::read(path),
        };
        let text = match read {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(AccountsError::KeyFile(shown(place), error)),
        };
        match from_hex(text.trim_ascii()) {
            Some(bytes) => Ok(Some(Key::new(&bytes))),
            None => Err(AccountsError::KeyForm(shown(place))),
        }
    }

    /// Draws a key and keeps it: durable when it returns.
    pub(crate) fn create(
        place: &KeyPlace,
        disk: &dyn Disk,
        entropy: Entropy<'_>,
    ) -> Result<Key, AccountsError> {
        let key: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(bytes(entropy));
        let text = Zeroizing::new(hex(key.as_slice()) + "\n");
        let written = match place {
            KeyPlace::DataDirectory => disk::replace(disk, KEY_FILE, text.as_bytes()),
            KeyPlace::File(path) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                options.open(path).and_then(|mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()?;
                    let directory = path.parent().filter(|path| !path.as_os_str().is_empty());
                    File::open(directory.unwrap_or(".".as_ref()))?.sync_all()
                })
            }
        };
        written.map_err(|error| AccountsError::KeyFile(shown(place), error))?;
        Ok(Key::new(&key))
    }

    fn new(bytes: &[u8; KEY_BYTES]) -> Key {
        let cipher = UnboundKey::new(&AES_256_GCM, bytes).expect("it has the cipher's length");
        let mut named = Zeroizing::new(b"cairn accounts key ".to_vec());
        named.extend_from_slice(bytes);
        let hash = digest(&SHA256, &named);
        Key { cipher: LessSafeKey::new(cipher), id: hex(&hash.as_ref()[..8]) }
    }

    /// Tells this key from another, and nothing else of it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts a secret; it can be decrypted under the same name only.
    pub(crate) fn seal(&self, name: &str, secret: &Secret, entropy: Entropy<'_>) -> Sealed {
        let nonce: [u8; NONCE_LEN] = bytes(entropy);
        let mut text = secret.expose().as_bytes().to_vec();
        self.cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name),
                &mut text,
            )
            .expect("a secret is short");
        Sealed(STANDARD.encode([nonce.as_slice(), &text].concat()))
    }

    /// Decrypts a secret; `None` when it was not encrypted by this key under this name.
    pub(crate) fn open(&self, name: &str, sealed: &Sealed) -> Option<Secret> {
        let bytes = STANDARD.decode(&sealed.0).ok()?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher.open_in_place(nonce, Aad::from(name), &mut text).ok()?;
        Some(Secret::new(std::str::from_utf8(opened).ok()?.to_owned()))
    }
}

pub(crate) fn shown(place: &KeyPlace) -> String {
    match place {
        KeyPlace::DataDirectory => KEY_FILE.to_owned(),
        KeyPlace::File(path) => path.display().to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    // Room for a line's end, so that no copy of the key stays behind.
    let mut text = String::with_capacity(2 * bytes.len() + 1);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
    text
}

fn from_hex(text: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    if text.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?;
    }
    Some(bytes)
}
