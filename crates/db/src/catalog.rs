//! The catalogue: which tables and streams there are. Its rows are items, written through the log like all else.

use crate::{
    Backfill, Billing, Expiry, FollowerId, Index, IndexSpec, Projected, Resource, Stream, StreamViewType, Table,
    TableClass, TableSpec, ViewSpec, rows,
};
use item::{IndexSchema, Item, KeyAttribute, KeyKind, KeySchema, Number, Seq, TableId, Value, codec};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// All tables and streams at one moment; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalog {
    pub by_name: BTreeMap<String, Arc<Table>>,
    pub by_id: HashMap<TableId, Arc<Table>>,
    /// Tables' own numbers, and those of their indexes.
    pub trees: HashSet<TableId>,
    /// Open and closed ones, oldest first.
    pub streams: Vec<Arc<Stream>>,
    /// By kind and name.
    pub resources: BTreeMap<(String, String), Arc<Resource>>,
    /// Their numbers.
    pub numbers: HashSet<FollowerId>,
    pub next_id: u32,
}

/// A row of the state engine after a change: key and value, `None` removes.
pub(crate) type RowAfter = (Vec<u8>, Option<Vec<u8>>);

impl Catalog {
    pub fn open_stream(&self, table: TableId) -> Option<&Arc<Stream>> {
        self.streams.iter().rev().find(|stream| stream.table == table && stream.closed.is_none())
    }

    /// Sets or replaces a table; answers its row.
    pub fn put_table(&mut self, table: Table) -> RowAfter {
        let row = (rows::table(table.id), Some(encode(&table_item(&table))));
        self.remove_table(table.id);
        let table = Arc::new(table);
        self.trees.insert(table.id);
        self.trees.extend(table.derived());
        self.by_name.insert(table.spec.name.clone(), table.clone());
        self.by_id.insert(table.id, table);
        row
    }

    pub fn remove_table(&mut self, id: TableId) -> Option<Arc<Table>> {
        let table = self.by_id.remove(&id)?;
        self.by_name.remove(&table.spec.name);
        self.trees.remove(&id);
        table.derived().for_each(|index| {
            self.trees.remove(&index);
        });
        Some(table)
    }

    /// Takes the next number of a table or an index.
    pub fn number(&mut self) -> TableId {
        self.next_id = self.next_id.max(1);
        let id = TableId(self.next_id);
        self.next_id += 1;
        id
    }

    /// The row that keeps the next number.
    pub fn number_row(&self) -> RowAfter {
        (rows::next_table(), Some(self.next_id.to_be_bytes().to_vec()))
    }

    /// Sets or replaces a stream; answers its row.
    pub fn put_stream(&mut self, stream: Stream) -> RowAfter {
        let row = (rows::stream(stream.table, stream.opened), Some(encode(&stream_item(&stream))));
        self.streams.retain(|other| (other.table, other.opened) != (stream.table, stream.opened));
        self.streams.push(Arc::new(stream));
        self.streams.sort_by_key(|stream| stream.opened);
        row
    }

    /// Removes streams of which the log keeps nothing any more; answers their rows.
    pub fn forget_streams(&mut self, trimmed: Seq) -> Vec<RowAfter> {
        let gone = |stream: &Arc<Stream>| stream.closed.is_some_and(|closed| closed <= trimmed);
        let rows = self.streams.iter().filter(|stream| gone(stream));
        let rows = rows.map(|stream| (rows::stream(stream.table, stream.opened), None)).collect();
        self.streams.retain(|stream| !gone(stream));
        rows
    }

    pub fn resource(&self, kind: &str, name: &str) -> Option<&Arc<Resource>> {
        self.resources.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Sets or replaces a resource; answers its row.
    pub fn put_resource(&mut self, resource: Resource) -> RowAfter {
        let row = (rows::resource(resource.id), Some(encode(&resource_item(&resource))));
        self.numbers.insert(resource.id);
        self.resources.insert((resource.kind.clone(), resource.name.clone()), Arc::new(resource));
        row
    }

    /// Whether somebody folds the log under this number: a view's table, or a resource.
    pub fn follows(&self, id: FollowerId) -> bool {
        self.by_id.contains_key(&TableId(id.0)) || self.has_resource(id)
    }

    /// Whether a resource has this number.
    pub fn has_resource(&self, id: FollowerId) -> bool {
        self.numbers.contains(&id)
    }

    /// The longest that a resource's records are kept for, milliseconds.
    pub fn keep_ms(&self) -> u64 {
        self.resources.values().map(|resource| resource.keep_ms).max().unwrap_or_default()
    }

    pub fn remove_resource(&mut self, kind: &str, name: &str) -> Option<Arc<Resource>> {
        let gone = self.resources.remove(&(kind.to_owned(), name.to_owned()))?;
        self.numbers.remove(&gone.id);
        Some(gone)
    }

    /// Takes over a row, as recovery finds it. Answers whether it was one of the catalogue's.
    pub fn load(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<bool, codec::DecodeError> {
        let malformed = codec::DecodeError { at: 0, what: "a catalogue row misses an attribute" };
        match (rows::meta_kind(key), value) {
            (Some((b'T', _)), Some(value)) => {
                let table = table_of(&codec::decode(value)?).ok_or(malformed)?;
                self.put_table(table);
            }
            (Some((b'T', id)), None) => {
                self.remove_table(TableId(id));
            }
            (Some((b'S', _)), Some(value)) => {
                let stream = stream_of(&codec::decode(value)?).ok_or(malformed)?;
                self.put_stream(stream);
            }
            (Some((b'S', _)), None) => self.streams.retain(|stream| rows::stream(stream.table, stream.opened) != key),
            (Some((b'R', _)), Some(value)) => {
                let resource = resource_of(&codec::decode(value)?).ok_or(malformed)?;
                self.put_resource(resource);
            }
            (Some((b'R', id)), None) => {
                self.numbers.remove(&FollowerId(id));
                self.resources.retain(|_, resource| resource.id.0 != id);
            }
            (Some((b'N', _)), Some(value)) => {
                let next: [u8; 4] = value.try_into().map_err(|_| malformed)?;
                self.next_id = u32::from_be_bytes(next);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn encode(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(item, &mut bytes);
    bytes
}

fn text(value: impl Into<String>) -> Value {
    Value::S(value.into())
}

fn number(value: u64) -> Value {
    Value::N(Number::from(value))
}

fn get_text(item: &Item, name: &str) -> Option<String> {
    match item.get(name)? {
        Value::S(text) => Some(text.clone()),
        _ => None,
    }
}

fn get_number<N: TryFrom<u64>>(item: &Item, name: &str) -> Option<N> {
    match item.get(name)? {
        Value::N(number) => number.to_string().parse::<u64>().ok()?.try_into().ok(),
        _ => None,
    }
}

fn get_map<'a>(item: &'a Item, name: &str) -> Option<&'a Item> {
    match item.get(name)? {
        Value::M(map) => Some(map),
        _ => None,
    }
}

fn pairs(list: &[(String, String)]) -> Value {
    Value::L(list.iter().map(|(a, b)| Value::L(vec![text(a), text(b)])).collect())
}

fn get_pairs(item: &Item, name: &str) -> Option<Vec<(String, String)>> {
    let Value::L(list) = item.get(name)? else { return None };
    let pair = |value: &Value| match value {
        Value::L(pair) => match pair.as_slice() {
            [Value::S(a), Value::S(b)] => Some((a.clone(), b.clone())),
            _ => None,
        },
        _ => None,
    };
    list.iter().map(pair).collect()
}

fn attribute_item(attribute: &KeyAttribute) -> Value {
    let kind = match attribute.kind {
        KeyKind::S => "S",
        KeyKind::N => "N",
        KeyKind::B => "B",
    };
    Value::M(Item::from_iter([("name", text(&attribute.name)), ("kind", text(kind))]))
}

fn attribute_of(item: &Item) -> Option<KeyAttribute> {
    let kind = match get_text(item, "kind")?.as_str() {
        "S" => KeyKind::S,
        "N" => KeyKind::N,
        "B" => KeyKind::B,
        _ => return None,
    };
    Some(KeyAttribute { name: get_text(item, "name")?, kind })
}

fn put_key(item: &mut Item, key: &KeySchema) {
    item.insert("partition", attribute_item(&key.partition));
    if let Some(sort) = &key.sort {
        item.insert("sort", attribute_item(sort));
    }
}

fn get_key(item: &Item) -> Option<KeySchema> {
    let sort = match get_map(item, "sort") {
        Some(sort) => Some(attribute_of(sort)?),
        None => None,
    };
    Some(KeySchema { partition: attribute_of(get_map(item, "partition")?)?, sort })
}

fn view_type_text(view_type: StreamViewType) -> &'static str {
    match view_type {
        StreamViewType::KeysOnly => "KEYS_ONLY",
        StreamViewType::NewImage => "NEW_IMAGE",
        StreamViewType::OldImage => "OLD_IMAGE",
        StreamViewType::NewAndOldImages => "NEW_AND_OLD_IMAGES",
    }
}

fn view_type_of(text: &str) -> Option<StreamViewType> {
    Some(match text {
        "KEYS_ONLY" => StreamViewType::KeysOnly,
        "NEW_IMAGE" => StreamViewType::NewImage,
        "OLD_IMAGE" => StreamViewType::OldImage,
        "NEW_AND_OLD_IMAGES" => StreamViewType::NewAndOldImages,
        _ => return None,
    })
}

fn table_item(table: &Table) -> Item {
    let spec = &table.spec;
    let mut item = Item::from_iter([
        ("id", number(u64::from(table.id.0))),
        ("uuid", Value::B(table.uuid.to_vec())),
        ("name", text(&spec.name)),
        ("created_ms", number(table.created_ms)),
        ("created", number(table.created.0)),
        ("view_generation", number(u64::from(table.view_generation))),
        ("shards", number(u64::from(spec.shards))),
        ("deletion_protection", Value::Bool(spec.deletion_protection)),
        ("tags", pairs(&spec.tags)),
    ]);
    put_key(&mut item, &spec.key);
    if let Some(view_type) = spec.stream {
        item.insert("stream", text(view_type_text(view_type)));
    }
    if let Some(view) = &spec.view {
        let view = Item::from_iter([("sql", text(&view.sql)), ("sources", pairs(&view.sources))]);
        item.insert("view", Value::M(view));
    }
    if let Some(keeper) = &spec.keeper {
        item.insert("keeper", text(keeper));
    }
    put_billing(&mut item, spec.billing);
    if spec.class == TableClass::InfrequentAccess {
        item.insert("infrequent_access", Value::Bool(true));
    }
    if let Some(ttl) = &spec.ttl {
        item.insert("ttl", text(ttl));
    }
    if !table.indexes.is_empty() {
        item.insert("indexes", Value::L(table.indexes.iter().map(|index| Value::M(index_item(index))).collect()));
    }
    if let Some(expiry) = &table.expiry {
        let mut own = Item::from_iter([("id", number(u64::from(expiry.id.0))), ("attribute", text(&expiry.attribute))]);
        put_backfill(&mut own, expiry.backfill.as_ref());
        item.insert("expiry", Value::M(own));
    }
    item
}

fn put_billing(item: &mut Item, billing: Billing) {
    if let Billing::Provisioned { read, write } = billing {
        item.insert("provisioned", Value::L(vec![number(read), number(write)]));
    }
}

fn get_billing(item: &Item) -> Option<Billing> {
    let Some(Value::L(units)) = item.get("provisioned") else { return Some(Billing::OnDemand) };
    let unit = |unit: &Value| match unit {
        Value::N(unit) => unit.to_string().parse::<u64>().ok(),
        _ => None,
    };
    match units.as_slice() {
        [read, write] => Some(Billing::Provisioned { read: unit(read)?, write: unit(write)? }),
        _ => None,
    }
}

fn put_backfill(item: &mut Item, backfill: Option<&Backfill>) {
    if let Some(Backfill { upto, items }) = backfill {
        item.insert("backfill", Value::L(vec![Value::B(upto.clone()), number(*items)]));
    }
}

/// The outer `None` is a malformed one.
fn get_backfill(item: &Item) -> Option<Option<Backfill>> {
    match item.get("backfill") {
        None => Some(None),
        Some(Value::L(parts)) => match parts.as_slice() {
            [Value::B(upto), Value::N(items)] => {
                Some(Some(Backfill { upto: upto.clone(), items: items.to_string().parse().ok()? }))
            }
            _ => None,
        },
        Some(_) => None,
    }
}

fn index_item(index: &Index) -> Item {
    let attributes = |all: &[KeyAttribute]| Value::L(all.iter().map(attribute_item).collect());
    let spec = &index.spec;
    let mut item = Item::from_iter([
        ("id", number(u64::from(index.id.0))),
        ("name", text(&spec.name)),
        ("local", Value::Bool(spec.local)),
        ("partition", attributes(&spec.key.partition)),
        ("sort", attributes(&spec.key.sort)),
    ]);
    match &spec.projected {
        Projected::All => {}
        Projected::KeysOnly => {
            item.insert("include", Value::L(Vec::new()));
        }
        Projected::Include(names) => {
            item.insert("include", Value::L(names.iter().map(text).collect()));
        }
    }
    put_billing(&mut item, spec.billing);
    put_backfill(&mut item, index.backfill.as_ref());
    item
}

fn index_of(item: &Value) -> Option<Index> {
    let Value::M(item) = item else { return None };
    let attributes = |name: &str| {
        let Value::L(list) = item.get(name)? else { return None };
        let attribute = |value: &Value| match value {
            Value::M(attribute) => attribute_of(attribute),
            _ => None,
        };
        list.iter().map(attribute).collect::<Option<Vec<_>>>()
    };
    let projected = match item.get("include") {
        None => Projected::All,
        Some(Value::L(names)) if names.is_empty() => Projected::KeysOnly,
        Some(Value::L(names)) => {
            let name = |name: &Value| match name {
                Value::S(name) => Some(name.clone()),
                _ => None,
            };
            Projected::Include(names.iter().map(name).collect::<Option<Vec<_>>>()?)
        }
        Some(_) => return None,
    };
    let spec = IndexSpec {
        name: get_text(item, "name")?,
        local: item.get("local") == Some(&Value::Bool(true)),
        key: IndexSchema { partition: attributes("partition")?, sort: attributes("sort")? },
        projected,
        billing: get_billing(item)?,
    };
    Some(Index { id: TableId(get_number(item, "id")?), spec, backfill: get_backfill(item)? })
}

fn expiry_of(item: &Item) -> Option<Expiry> {
    Some(Expiry {
        id: TableId(get_number(item, "id")?),
        attribute: get_text(item, "attribute")?,
        backfill: get_backfill(item)?,
    })
}

fn table_of(item: &Item) -> Option<Table> {
    let stream = match get_text(item, "stream") {
        Some(stream) => Some(view_type_of(&stream)?),
        None => None,
    };
    let view = match get_map(item, "view") {
        Some(view) => Some(ViewSpec { sql: get_text(view, "sql")?, sources: get_pairs(view, "sources")? }),
        None => None,
    };
    let indexes = match item.get("indexes") {
        Some(Value::L(indexes)) => indexes.iter().map(index_of).collect::<Option<Vec<_>>>()?,
        _ => Vec::new(),
    };
    let expiry = match get_map(item, "expiry") {
        Some(expiry) => Some(expiry_of(expiry)?),
        None => None,
    };
    let class = match item.get("infrequent_access") {
        Some(Value::Bool(true)) => TableClass::InfrequentAccess,
        _ => TableClass::Standard,
    };
    let uuid = match item.get("uuid")? {
        Value::B(uuid) => uuid.as_slice().try_into().ok()?,
        _ => return None,
    };
    let spec = TableSpec {
        name: get_text(item, "name")?,
        key: get_key(item)?,
        stream,
        shards: get_number(item, "shards")?,
        view,
        keeper: get_text(item, "keeper"),
        deletion_protection: item.get("deletion_protection") == Some(&Value::Bool(true)),
        billing: get_billing(item)?,
        class,
        ttl: get_text(item, "ttl"),
        tags: get_pairs(item, "tags")?,
        indexes: Vec::new(),
    };
    Some(Table {
        id: TableId(get_number(item, "id")?),
        uuid,
        spec,
        created_ms: get_number(item, "created_ms")?,
        created: Seq(get_number(item, "created")?),
        view_generation: get_number(item, "view_generation")?,
        indexes,
        expiry,
    })
}

fn resource_item(resource: &Resource) -> Item {
    Item::from_iter([
        ("id", number(u64::from(resource.id.0))),
        ("kind", text(&resource.kind)),
        ("name", text(&resource.name)),
        ("body", Value::M(resource.body.clone())),
        ("created_ms", number(resource.created_ms)),
        ("changed_ms", number(resource.changed_ms)),
        ("keep_ms", number(resource.keep_ms)),
        ("revision", number(resource.revision)),
    ])
}

fn resource_of(item: &Item) -> Option<Resource> {
    Some(Resource {
        id: FollowerId(get_number(item, "id")?),
        kind: get_text(item, "kind")?,
        name: get_text(item, "name")?,
        body: get_map(item, "body")?.clone(),
        created_ms: get_number(item, "created_ms")?,
        changed_ms: get_number(item, "changed_ms")?,
        keep_ms: get_number(item, "keep_ms")?,
        revision: get_number(item, "revision")?,
    })
}

fn stream_item(stream: &Stream) -> Item {
    let mut item = Item::from_iter([
        ("table", number(u64::from(stream.table.0))),
        ("table_name", text(&stream.table_name)),
        ("view_type", text(view_type_text(stream.view_type))),
        ("shards", number(u64::from(stream.shards))),
        ("created_ms", number(stream.created_ms)),
        ("opened", number(stream.opened.0)),
    ]);
    put_key(&mut item, &stream.key);
    if let Some(closed) = stream.closed {
        item.insert("closed", number(closed.0));
    }
    item
}

fn stream_of(item: &Item) -> Option<Stream> {
    Some(Stream {
        table: TableId(get_number(item, "table")?),
        table_name: get_text(item, "table_name")?,
        key: get_key(item)?,
        view_type: view_type_of(&get_text(item, "view_type")?)?,
        shards: get_number(item, "shards")?,
        created_ms: get_number(item, "created_ms")?,
        opened: Seq(get_number(item, "opened")?),
        closed: get_number(item, "closed").map(Seq),
    })
}
