// Dynamoose: models, as its documentation shows them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DeleteTableCommand, DynamoDB, DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import dynamoose from "dynamoose";
import { dynamodb, newName, settings } from "./local.mjs";

dynamoose.aws.ddb.set(new DynamoDB(settings));

const songSchema = new dynamoose.Schema(
  {
    album: { type: String, hashKey: true },
    track: { type: Number, rangeKey: true },
    title: { type: String, required: true },
    genre: String,
    plays: { type: Number, default: 0 },
    tags: { type: Set, schema: [String] },
    credits: { type: Object, schema: { writer: String, year: Number } },
    takes: { type: Array, schema: [Number] },
    cover: Buffer,
    released: Date,
    live: Boolean,
    note: [String, dynamoose.type.NULL],
  },
  { timestamps: true },
);

const Song = dynamoose.model(newName("Song"), songSchema);
const Player = dynamoose.model(newName("Player"), { id: String, coins: Number });
const options = { throughput: "ON_DEMAND", waitForActive: { enabled: true }, initialize: false };
const songs = new dynamoose.Table(newName("songs"), [Song], options);
const players = new dynamoose.Table(newName("players"), [Player], { ...options, expires: 60 * 60 });

before(async () => {
  await songs.initialize();
  await players.initialize();
});

after(async () => {
  for (const { name } of [songs, players]) await dynamodb.send(new DeleteTableCommand({ TableName: name }));
});

const failed = (error) => error.name === "ConditionalCheckFailedException";

test("a model is created once, read, saved, updated and deleted", async () => {
  const song = {
    album: "one",
    track: 1,
    title: "Straße",
    tags: new Set(["a", "b"]),
    credits: { writer: "ann", year: 1999 },
    takes: [1, 2.5],
    cover: Buffer.from([0, 255]),
    released: new Date(1_700_000_000_000),
    live: true,
    note: null,
  };
  await Song.create(song);
  await assert.rejects(Song.create(song), failed);
  const got = await Song.get({ album: "one", track: 1 });
  assert.ok(got.createdAt instanceof Date && got.updatedAt instanceof Date);
  for (const [name, value] of Object.entries({ ...song, plays: 0 })) assert.deepEqual(got[name], value, name);
  got.title = "saved";
  await got.save();
  const key = { album: "one", track: 1 };
  const change = { $SET: { live: false }, $ADD: { plays: 2, takes: 3, tags: ["c"] }, $REMOVE: ["cover"] };
  const updated = await Song.update(key, change);
  assert.deepEqual([updated.title, updated.live, updated.plays, updated.takes, updated.cover], ["saved", false, 2, [1, 2.5, 3], undefined]);
  assert.deepEqual([...updated.tags].sort(), ["a", "b", "c"]);
  await Song.update(key, { $DELETE: { tags: ["a", "b"] } });
  const condition = new dynamoose.Condition().where("plays").gt(5);
  await assert.rejects(Song.update(key, { title: "no" }, { condition }), failed);
  await assert.rejects(Song.delete(key, { condition }), failed);
  await Song.delete(key);
  assert.equal(await Song.get(key), undefined);
});

test("batches are put, read and deleted", async () => {
  const written = Array.from({ length: 25 }, (_, n) => ({ album: "batch", track: n, title: `t${n}` }));
  const said = await Song.batchPut(written);
  assert.deepEqual(said.unprocessedItems, []);
  const keys = written.map(({ album, track }) => ({ album, track }));
  const got = await Song.batchGet([...keys, { album: "batch", track: 99 }]);
  assert.equal(got.length, 25);
  await Song.batchDelete(keys);
  assert.equal((await Song.batchGet(keys)).length, 0);
});

test("queries and scans take every operator", async () => {
  const written = Array.from({ length: 25 }, (_, n) => ({
    album: "query",
    track: n,
    title: `t${n}`,
    genre: n % 2 === 0 ? "jazz" : "rock",
    plays: 100 - n,
  }));
  await Song.batchPut(written);
  const tracks = (found) => [...found].map((song) => song.track);
  const ask = () => Song.query("album").eq("query");
  assert.deepEqual(tracks(await ask().where("track").lt(2).exec()), [0, 1]);
  assert.deepEqual(tracks(await ask().where("track").between(3, 5).sort("descending").exec()), [5, 4, 3]);
  assert.deepEqual(tracks(await ask().filter("title").beginsWith("t2").exec()), [2, 20, 21, 22, 23, 24]);
  assert.deepEqual(tracks(await ask().filter("plays").in([99, 98]).exec()), [1, 2]);
  assert.equal((await ask().count().exec()).count, 25);
  assert.equal((await ask().all().limit(4).exec()).length, 25);
  assert.deepEqual(Object.keys((await ask().attributes(["title"]).limit(1).exec())[0]), ["title"]);
  const first = await ask().limit(10).exec();
  assert.deepEqual(tracks(await ask().startAt(first.lastKey).limit(2).exec()), [10, 11]);
  const either = new dynamoose.Condition("album").eq("query").parenthesis((group) => group.where("track").eq(1).or().where("track").eq(7));
  assert.deepEqual(tracks(await Song.scan(either).exec()).sort(), [1, 7]);
  assert.equal((await Song.scan("album").eq("query").filter("genre").not().eq("jazz").all().exec()).length, 12);
  const parts = await Song.scan("album").eq("query").parallel(4).exec();
  assert.equal(parts.length, 25);
});

test("a transaction does everything or nothing", async () => {
  await Player.create({ id: "a", coins: 10 });
  await Player.create({ id: "b", coins: 0 });
  const give = (amount) =>
    dynamoose.transaction([
      Player.transaction.update({ id: "a" }, { $ADD: { coins: -amount } }),
      Player.transaction.update({ id: "b" }, { $ADD: { coins: amount } }),
    ]);
  await give(4);
  const coins = async () => [(await Player.get("a")).coins, (await Player.get("b")).coins];
  assert.deepEqual(await coins(), [6, 4]);
  await assert.rejects(
    dynamoose.transaction([
      Player.transaction.update({ id: "b" }, { $ADD: { coins: 1 } }),
      Player.transaction.create({ id: "a", coins: 0 }),
    ]),
    (error) => error.name === "TransactionCanceledException" && error.CancellationReasons[1].Code === "ConditionalCheckFailed",
  );
  assert.deepEqual(await coins(), [6, 4]);
  const [got] = await dynamoose.transaction([Player.transaction.get("a"), Player.transaction.get("b")]);
  assert.equal(got.coins, 6);
});

test("a table's time to live is turned on with it", async () => {
  const described = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: players.name }));
  assert.deepEqual(described.TimeToLiveDescription, { TimeToLiveStatus: "ENABLED", AttributeName: "ttl" });
  const player = await Player.get("a");
  assert.ok(player.ttl instanceof Date);
});
