// Dynamoose: indexes that a model's attributes declare, as its documentation shows them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DeleteTableCommand, DynamoDB } from "@aws-sdk/client-dynamodb";
import dynamoose from "dynamoose";
import { dynamodb, newName, settings } from "./local.mjs";

dynamoose.aws.ddb.set(new DynamoDB(settings));

const schema = new dynamoose.Schema({
  album: { type: String, hashKey: true },
  track: { type: Number, rangeKey: true },
  genre: { type: String, index: { type: "global", name: "byGenre", rangeKey: "plays" } },
  plays: { type: Number, default: 0, index: { type: "local", name: "byPlays" } },
});
const Song = dynamoose.model(newName("Song"), schema);
const options = { throughput: "ON_DEMAND", waitForActive: { enabled: true }, initialize: false };
const songs = new dynamoose.Table(newName("songs"), [Song], options);

before(() => songs.initialize());

after(() => dynamodb.send(new DeleteTableCommand({ TableName: songs.name })));

test("a model's indexes are queried by their names or found", async () => {
  const written = Array.from({ length: 25 }, (_, n) => ({
    album: "query",
    track: n,
    genre: n % 2 === 0 ? "jazz" : "rock",
    plays: 100 - n,
  }));
  await Song.batchPut(written);
  const tracks = (found) => [...found].map((song) => song.track);
  const local = await Song.query("album").eq("query").where("plays").le(78).using("byPlays").exec();
  assert.deepEqual(tracks(local), [24, 23, 22]);
  const global = await Song.query("genre").eq("rock").where("plays").gt(95).exec();
  assert.deepEqual(tracks(global), [3, 1]);
});
