//! Files and names, each as it is on disk and as the process sees it.
//!
//! A file's bytes are on disk once the file was synced, its name once its folder was. A rename is
//! whole or not at all; all other changes that were not synced may be there or not, each by
//! itself.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::log::{Op, Record};

/// What becomes of changes that were not synced.
#[derive(Debug, Clone, Copy)]
pub enum Unsynced {
    Lost,
    /// Each is there or not, by chance.
    Some {
        seed: u64,
    },
    There,
}

/// An index into [`Tree::nodes`].
type NodeId = usize;
const ROOT: NodeId = 0;
/// Made anew by every process that opens the database, and not read after a crash.
const SHARED_MEMORY: &str = "-shm";

#[derive(Clone, Default)]
struct Node {
    on_disk: Vec<u8>,
    /// With the numbers of their records.
    unsynced: Vec<(usize, Change)>,
    /// Set for a folder: the names that the process sees.
    names: Option<BTreeMap<OsString, NodeId>>,
}

#[derive(Clone)]
enum Change {
    Written { offset: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// Names that change together.
#[derive(Clone)]
struct Naming {
    at: usize,
    names: Vec<(NodeId, OsString, Option<NodeId>)>,
    is_synced: bool,
}

#[derive(Clone)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    by_inode: HashMap<u64, NodeId>,
    /// In their order.
    namings: Vec<Naming>,
}

impl Tree {
    /// What is there counts as synced.
    pub(super) fn of(folder: &Path) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            by_inode: HashMap::new(),
            namings: Vec::new(),
        };
        tree.found(folder);
        for naming in &mut tree.namings {
            naming.is_synced = true;
        }
        tree
    }

    fn found(&mut self, path: &Path) -> NodeId {
        let there = std::fs::symlink_metadata(path).unwrap();
        if there.is_file() {
            let node = self.made(there.ino(), None);
            self.nodes[node].on_disk = std::fs::read(path).unwrap();
            return node;
        }
        let folder = self.made(there.ino(), Some(BTreeMap::new()));
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let node = self.found(&entry.path());
            self.name(0, vec![(folder, entry.file_name(), Some(node))]);
        }
        folder
    }

    /// `folder` is the root of all paths; `at` is the record's number.
    pub(super) fn apply(&mut self, folder: &Path, at: usize, record: &Record) {
        let known = self.by_inode.get(&record.inode).copied();
        let inside = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
        match &record.op {
            Op::Created(path) => {
                let node = self.made(record.inode, None);
                if let Some(path) = path {
                    self.named(at, &inside(path), Some(node));
                }
            }
            Op::FolderMade(path) => {
                let node = self.made(record.inode, Some(BTreeMap::new()));
                self.named(at, &inside(path), Some(node));
            }
            Op::Written { offset, bytes } => {
                let (offset, bytes) = (*offset, bytes.clone());
                self.changed(known, at, Change::Written { offset, bytes });
            }
            Op::Cut(size) => self.changed(known, at, Change::Cut(*size)),
            Op::Synced { covers } => self.synced(known, *covers),
            Op::Linked(path) => {
                let node = known.expect("a file is made before it is linked");
                self.named(at, &inside(path), Some(node));
            }
            Op::Removed(path) => self.named(at, &inside(path), None),
            Op::Renamed { from, to } => {
                let node = known.expect("a file is made before it is renamed");
                let (from, to) = (self.entry(&inside(from)), self.entry(&inside(to)));
                self.name(at, vec![(from.0, from.1, None), (to.0, to.1, Some(node))]);
            }
        }
    }

    fn made(&mut self, inode: u64, names: Option<BTreeMap<OsString, NodeId>>) -> NodeId {
        self.nodes.push(Node {
            names,
            ..Node::default()
        });
        let node = self.nodes.len() - 1;
        self.by_inode.insert(inode, node);
        node
    }

    fn changed(&mut self, node: Option<NodeId>, at: usize, change: Change) {
        let node = node.expect("a file is made before it is written");
        self.nodes[node].unsynced.push((at, change));
    }

    fn synced(&mut self, node: Option<NodeId>, covers: usize) {
        let node = node.expect("what is synced is known");
        for naming in self.namings.iter_mut().filter(|naming| naming.at < covers) {
            naming.is_synced |= naming.names.iter().any(|(folder, _, _)| *folder == node);
        }
        let Node {
            on_disk, unsynced, ..
        } = &mut self.nodes[node];
        let (covered, later) = std::mem::take(unsynced)
            .into_iter()
            .partition(|(at, _)| *at < covers);
        *unsynced = later;
        let covered: Vec<(usize, Change)> = covered;
        for (_, change) in &covered {
            change.apply(on_disk);
        }
    }

    fn named(&mut self, at: usize, path: &Path, node: Option<NodeId>) {
        let (folder, name) = self.entry(path);
        self.name(at, vec![(folder, name, node)]);
    }

    fn entry(&self, path: &Path) -> (NodeId, OsString) {
        let folders = path.parent().into_iter().flat_map(Path::iter);
        let folder = folders.fold(ROOT, |folder, name| self.names_of(folder)[name]);
        (
            folder,
            path.file_name().unwrap_or(OsStr::new("")).to_owned(),
        )
    }

    fn names_of(&self, folder: NodeId) -> &BTreeMap<OsString, NodeId> {
        let names = self.nodes[folder].names.as_ref();
        names.expect("only a folder has names in it")
    }

    fn name(&mut self, at: usize, names: Vec<(NodeId, OsString, Option<NodeId>)>) {
        for (folder, name, node) in &names {
            let there = self.nodes[*folder].names.as_mut().unwrap();
            match node {
                Some(node) => there.insert(name.clone(), *node),
                None => there.remove(name),
            };
        }
        self.namings.push(Naming {
            at,
            names,
            is_synced: false,
        });
    }

    pub(super) fn write(&self, unsynced: Unsynced, to: &Path) {
        let mut chance = Chance(unsynced);
        let mut names: HashMap<NodeId, BTreeMap<&OsStr, NodeId>> = HashMap::new();
        for naming in &self.namings {
            if !(naming.is_synced || chance.is_there()) {
                continue;
            }
            for (folder, name, node) in &naming.names {
                let there = names.entry(*folder).or_default();
                match node {
                    Some(node) => there.insert(name, *node),
                    None => there.remove(name.as_os_str()),
                };
            }
        }
        self.write_node(ROOT, &names, &mut chance, to);
    }

    fn write_node(
        &self,
        node: NodeId,
        names: &HashMap<NodeId, BTreeMap<&OsStr, NodeId>>,
        chance: &mut Chance,
        to: &Path,
    ) {
        let Node {
            on_disk, unsynced, ..
        } = &self.nodes[node];
        if self.nodes[node].names.is_none() {
            let mut bytes = on_disk.clone();
            let there = unsynced.iter().filter(|_| chance.is_there());
            there.for_each(|(_, change)| change.apply(&mut bytes));
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(to);
            file.unwrap().write_all(&bytes).unwrap();
            return;
        }
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(to).unwrap();
        for (name, node) in names.get(&node).into_iter().flatten() {
            if !name.to_string_lossy().ends_with(SHARED_MEMORY) {
                self.write_node(*node, names, chance, &to.join(name));
            }
        }
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Cut(size) => file.resize(*size, 0),
            Self::Written { offset, bytes } => {
                let end = offset + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

struct Chance(Unsynced);

impl Chance {
    fn is_there(&mut self) -> bool {
        match &mut self.0 {
            Unsynced::Lost => false,
            Unsynced::There => true,
            Unsynced::Some { seed } => {
                // Knuth's MMIX generator; its high bits are good enough for a coin.
                *seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *seed >> 63 == 1
            }
        }
    }
}
