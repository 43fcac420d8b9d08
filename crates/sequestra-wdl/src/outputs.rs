//! Handing over: each output file becomes a regular file of the output directory, named after
//! the workflow's output, and `outputs.json` says which is which.
//!
//! Names come from the workflow's text and from the extension of a file's own name, so nothing that a task read can choose a path. Links are followed while reading and never
//! made.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};
use wdl_engine::{CompoundValue, Outputs, PrimitiveValue, Value};

use crate::error::Error;

/// The index of the output directory.
pub const INDEX: &str = "outputs.json";

/// Extensions that say how, not what: the one before them is kept too.
const COMPRESSED: &[&str] = &["bgz", "bz2", "gz", "xz", "zst"];

/// The longest extension that is taken over.
const LONGEST_EXTENSION: usize = 32;

/// Moves or copies every output file into `out` and writes the index last, so that an index that
/// is there speaks of files that are there.
///
/// # Errors
/// [`Error::Output`] when an output is a directory, is not a regular file, or has no usable name;
/// [`Error::Io`] when `out` cannot be written or already holds a file of that name.
pub fn place(outputs: &Outputs, work: &Path, out: &Path) -> Result<(), Error> {
    let mut plan = Plan::default();
    let mut index = Map::new();
    for (name, value) in outputs.iter() {
        index.insert(name.to_owned(), plan.add(name, name, value)?);
    }
    let mut uses: HashMap<PathBuf, usize> = HashMap::new();
    for file in &plan.files {
        *uses.entry(file.source.clone()).or_default() += 1;
    }
    for file in &plan.files {
        let alone = uses.get(&file.source) == Some(&1);
        hand_over(file, work, &out.join(&file.name), alone)?;
    }
    let path = out.join(INDEX);
    let text = format!("{:#}\n", Json::Object(index));
    write_new(&path, &mut text.as_bytes()).map_err(|source| Error::Io { verb: "create", path, source })
}

/// The files to hand over, in the order of the outputs.
#[derive(Default)]
struct Plan {
    files: Vec<Planned>,
}

struct Planned {
    /// The workflow's output that holds the file.
    output: String,
    /// Where it is.
    source: PathBuf,
    /// Its name in the output directory.
    name: String,
}

impl Plan {
    /// Plans the files of one value and returns what the index says about it. `stem` is the name
    /// of the output and the way to the value inside it.
    fn add(&mut self, output: &str, stem: &str, value: &Value) -> Result<Json, Error> {
        match value {
            Value::None(_) => Ok(Json::Null),
            Value::Primitive(value) => self.add_primitive(output, stem, value),
            Value::Compound(CompoundValue::Array(array)) => array
                .as_slice()
                .iter()
                .enumerate()
                .map(|(place, value)| self.add(output, &format!("{stem}_{place}"), value))
                .collect(),
            Value::Compound(CompoundValue::Pair(pair)) => Ok(json!({
                "left": self.add(output, &format!("{stem}_left"), pair.left())?,
                "right": self.add(output, &format!("{stem}_right"), pair.right())?,
            })),
            Value::Compound(CompoundValue::Struct(members)) => self.add_members(output, stem, members.iter()),
            Value::Compound(CompoundValue::Object(members)) => self.add_members(output, stem, members.iter()),
            Value::Compound(CompoundValue::Map(map)) => map
                .iter()
                .enumerate()
                .map(|(place, (key, value))| {
                    // Keys of a map are data: they stand in the index and in no file name.
                    Ok((text_of(key), self.add(output, &format!("{stem}_{place}"), value)?))
                })
                .collect(),
            Value::Compound(CompoundValue::EnumChoice(choice)) => Ok(json!(choice.name())),
            _ => Err(refused(output, "it has no value outside the engine")),
        }
    }

    fn add_members<'a>(
        &mut self,
        output: &str,
        stem: &str,
        members: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Json, Error> {
        members
            .map(|(name, value)| Ok((name.to_owned(), self.add(output, &format!("{stem}_{name}"), value)?)))
            .collect()
    }

    fn add_primitive(&mut self, output: &str, stem: &str, value: &PrimitiveValue) -> Result<Json, Error> {
        match value {
            PrimitiveValue::Boolean(value) => Ok(json!(value)),
            PrimitiveValue::Integer(value) => Ok(json!(value)),
            PrimitiveValue::Float(value) => Ok(json!(value.into_inner())),
            PrimitiveValue::String(value) => Ok(json!(value.as_str())),
            PrimitiveValue::Directory(_) => Err(refused(output, "it is a directory")),
            PrimitiveValue::File(path) => {
                let source = PathBuf::from(path.as_str());
                let name =
                    name_for(stem, &source).ok_or_else(|| refused(output, "its extension is not plain"))?;
                if name == INDEX || self.files.iter().any(|file| file.name == name) {
                    return Err(refused(output, "another output has its name"));
                }
                self.files.push(Planned { output: output.to_owned(), source, name: name.clone() });
                Ok(json!(name))
            }
        }
    }
}

/// The stem with the extension of the file's own name; a compressed file keeps two.
fn name_for(stem: &str, source: &Path) -> Option<String> {
    let own = source.file_name()?.to_str()?;
    let Some((rest, last)) = own.rsplit_once('.') else { return Some(stem.to_owned()) };
    let inner = rest.rsplit_once('.').map(|(_, inner)| inner).filter(|_| COMPRESSED.contains(&last));
    let extension = inner.map_or_else(|| last.to_owned(), |inner| format!("{inner}.{last}"));
    let plain = extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let usable = plain && !last.is_empty() && inner != Some("") && extension.len() <= LONGEST_EXTENSION;
    usable.then(|| format!("{stem}.{extension}"))
}

fn text_of(key: &PrimitiveValue) -> String {
    match key {
        PrimitiveValue::String(text) => text.to_string(),
        PrimitiveValue::File(path) | PrimitiveValue::Directory(path) => path.as_str().to_owned(),
        PrimitiveValue::Boolean(value) => value.to_string(),
        PrimitiveValue::Integer(value) => value.to_string(),
        PrimitiveValue::Float(value) => value.to_string(),
    }
}

/// Renames where that leaves a regular file with no second name, copies everywhere else.
fn hand_over(file: &Planned, work: &Path, target: &Path, alone: bool) -> Result<(), Error> {
    let about = fs::symlink_metadata(&file.source).map_err(|source| Error::Io {
        verb: "read",
        path: file.source.clone(),
        source,
    })?;
    let ours = alone && about.is_file() && about.nlink() == 1 && file.source.starts_with(work);
    if target.symlink_metadata().is_ok() {
        let source = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(Error::Io { verb: "create", path: target.to_path_buf(), source });
    }
    // A rename fails between file systems; the copy below is then the way.
    if ours && fs::rename(&file.source, target).is_ok() {
        return Ok(());
    }
    let followed = fs::metadata(&file.source).map_err(|source| Error::Io {
        verb: "read",
        path: file.source.clone(),
        source,
    })?;
    // Asked before opening: opening a pipe that nobody writes to would wait for ever.
    if !followed.is_file() {
        return Err(refused(&file.output, "it is not a regular file"));
    }
    let mut source = File::open(&file.source).map_err(|source| Error::Io {
        verb: "read",
        path: file.source.clone(),
        source,
    })?;
    write_new(target, &mut source).map_err(|source| Error::Io {
        verb: "create",
        path: target.to_path_buf(),
        source,
    })
}

fn write_new(path: &Path, from: &mut dyn io::Read) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    io::copy(from, &mut file)?;
    file.sync_all()
}

fn refused(output: &str, reason: &str) -> Error {
    Error::Output { output: output.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    struct Room {
        dir: TempDir,
    }

    impl Room {
        fn new() -> Self {
            let dir = TempDir::new().unwrap();
            fs::create_dir(dir.path().join("work")).unwrap();
            fs::create_dir(dir.path().join("out")).unwrap();
            Self { dir }
        }

        fn file(&self, name: &str) -> PathBuf {
            let path = self.dir.path().join("work").join(name);
            fs::write(&path, name).unwrap();
            path
        }

        fn place(&self, values: &[(&str, &Path)]) -> Result<Json, String> {
            let outputs = values.iter().map(|(name, path)| {
                ((*name).to_owned(), PrimitiveValue::new_file(path.to_str().unwrap()).into())
            });
            let out = self.dir.path().join("out");
            place(&outputs.collect(), &self.dir.path().join("work"), &out)
                .map_err(|error| error.to_string())?;
            Ok(serde_json::from_slice(&fs::read(out.join(INDEX)).unwrap()).unwrap())
        }

        fn is_lone_regular(&self, name: &str) -> bool {
            let about = fs::symlink_metadata(self.dir.path().join("out").join(name)).unwrap();
            about.is_file() && about.nlink() == 1
        }
    }

    #[test]
    fn names_are_the_outputs_with_the_files_extensions() {
        let check = |file: &str, name: Option<&str>| {
            assert_eq!(name_for("variants", Path::new(file)).as_deref(), name, "{file}");
        };
        check("/w/x.vcf.gz", Some("variants.vcf.gz"));
        check("/w/plain", Some("variants"));
        check("/w/.hidden", Some("variants.hidden"));
        check("/w/x.", None);
        check("/w/x.a b", None);
        check("/w/x..gz", None);
        check("/w/x.bam.bai", Some("variants.bai"));
    }

    #[test]
    fn links_become_regular_files_and_nothing_is_shared() {
        let room = Room::new();
        let real = room.file("a.txt");
        let link = room.dir.path().join("work/b.txt");
        symlink(&real, &link).unwrap();
        let hard = room.dir.path().join("work/c.txt");
        fs::hard_link(&real, &hard).unwrap();
        let index =
            room.place(&[("one", &real), ("two", &link), ("three", &hard), ("again", &real)]).unwrap();
        assert_eq!(
            index,
            json!({"one": "one.txt", "two": "two.txt", "three": "three.txt", "again": "again.txt"})
        );
        for name in ["one.txt", "two.txt", "three.txt", "again.txt"] {
            assert!(room.is_lone_regular(name), "{name}");
            assert_eq!(fs::read(room.dir.path().join("out").join(name)).unwrap(), b"a.txt");
        }
    }

    #[test]
    fn what_is_not_a_regular_file_stays() {
        let room = Room::new();
        let pipe = room.dir.path().join("work/p.txt");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(
            room.place(&[("p", &pipe)]).unwrap_err(),
            "output `p` cannot be handed over: it is not a regular file"
        );
        let room = Room::new();
        assert!(room.place(&[("d", Path::new("/dev/null"))]).unwrap_err().contains("not a regular file"));
    }

    #[test]
    fn nothing_is_overwritten_and_names_do_not_collide() {
        let room = Room::new();
        let file = room.file("a.txt");
        fs::write(room.dir.path().join("out/one.txt"), "before").unwrap();
        assert!(room.place(&[("one", &file)]).unwrap_err().starts_with("cannot create"));
        assert_eq!(fs::read(room.dir.path().join("out/one.txt")).unwrap(), b"before");
        let json = room.file("x.json");
        assert!(room.place(&[("outputs", &json)]).unwrap_err().contains("another output has its name"));
    }
}
