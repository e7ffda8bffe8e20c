// The AWS SDK for JavaScript: commands, paginators, waiters, document client, streams.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  ResourceNotFoundException,
  paginateListTables,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
  paginateQuery,
  paginateScan,
} from "@aws-sdk/lib-dynamodb";
import { all, documents, dynamodb, newName, settings } from "./local.mjs";

const TableName = newName("sdk");
const patience = { client: dynamodb, maxWaitTime: 20, minDelay: 1 };

before(async () => {
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "N" },
      ],
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    }),
  );
  await waitUntilTableExists(patience, { TableName });
});

after(async () => {
  await dynamodb.send(new DeleteTableCommand({ TableName }));
  await waitUntilTableNotExists(patience, { TableName });
});

test("a document comes back as it was put", async () => {
  const Item = {
    pk: "document",
    sk: 1,
    text: "Straße 東京",
    bytes: new Uint8Array([0, 1, 255]),
    yes: true,
    nothing: null,
    names: new Set(["a", "b"]),
    numbers: new Set([1, 2.5]),
    list: [1, "two", [3], {}],
    map: { deep: { deeper: -0.5 } },
  };
  await documents.send(new PutCommand({ TableName, Item }));
  const got = await documents.send(new GetCommand({ TableName, Key: { pk: "document", sk: 1 }, ConsistentRead: true }));
  assert.deepEqual(got.Item, Item);
  const none = await documents.send(new GetCommand({ TableName, Key: { pk: "document", sk: 2 } }));
  assert.equal(none.Item, undefined);
});

test("writes have conditions, and errors have classes", async () => {
  const Key = { pk: "condition", sk: 1 };
  const put = { TableName, Item: { ...Key, n: 1 }, ConditionExpression: "attribute_not_exists(pk)" };
  await documents.send(new PutCommand(put));
  await assert.rejects(
    documents.send(new PutCommand({ ...put, ReturnValuesOnConditionCheckFailure: "ALL_OLD" })),
    (error) => error instanceof ConditionalCheckFailedException && error.Item.n.N === "1",
  );
  await assert.rejects(
    dynamodb.send(new DescribeTableCommand({ TableName: "no-such-table" })),
    (error) => error instanceof ResourceNotFoundException && error.$metadata.httpStatusCode === 400,
  );
  const update = { TableName, Key, UpdateExpression: "ADD n :one", ExpressionAttributeValues: { ":one": 1 } };
  const updated = await documents.send(new UpdateCommand({ ...update, ReturnValues: "UPDATED_NEW" }));
  assert.deepEqual(updated.Attributes, { n: 2 });
  const gone = await documents.send(new DeleteCommand({ TableName, Key, ReturnValues: "ALL_OLD" }));
  assert.deepEqual(gone.Attributes, { ...Key, n: 2 });
});

test("batches and pages go over everything", async () => {
  for (let start = 0; start < 100; start += 25) {
    const puts = Array.from({ length: 25 }, (_, n) => ({ PutRequest: { Item: { pk: "pages", sk: start + n } } }));
    const said = await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: puts } }));
    assert.deepEqual(said.UnprocessedItems, {});
  }
  const Keys = Array.from({ length: 100 }, (_, sk) => ({ pk: "pages", sk }));
  const got = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
  assert.equal(got.Responses[TableName].length, 100);
  const query = { TableName, KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": "pages" } };
  const found = await all(paginateQuery({ client: documents, pageSize: 9 }, { ...query }), (page) => page.Items);
  assert.deepEqual(found.map((item) => item.sk), Keys.map((key) => key.sk));
  const backwards = await documents.send(new QueryCommand({ ...query, ScanIndexForward: false, Limit: 2 }));
  assert.deepEqual(backwards.Items.map((item) => item.sk), [99, 98]);
  const scan = { TableName, FilterExpression: "sk >= :n AND pk = :p", ExpressionAttributeValues: { ":n": 90, ":p": "pages" } };
  const scanned = await all(paginateScan({ client: documents, pageSize: 30 }, scan), (page) => page.Items);
  assert.equal(scanned.length, 10);
  const tables = await all(paginateListTables({ client: dynamodb, pageSize: 1 }, {}), (page) => page.TableNames);
  assert.ok(tables.includes(TableName));
});

test("a stream is read from its beginning", async () => {
  const streams = new DynamoDBStreamsClient(settings);
  const Item = { pk: "stream", sk: 1, n: 1 };
  await documents.send(new PutCommand({ TableName, Item }));
  await documents.send(new DeleteCommand({ TableName, Key: { pk: "stream", sk: 1 } }));
  const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName }));
  const StreamArn = Table.LatestStreamArn;
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn }));
  const [{ ShardId }] = StreamDescription.Shards;
  const start = { StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await streams.send(new GetShardIteratorCommand(start));
  const names = [];
  for (;;) {
    const { Records, NextShardIterator } = await streams.send(new GetRecordsCommand({ ShardIterator }));
    if (Records.length === 0) break;
    names.push(...Records.filter((record) => record.dynamodb.Keys.pk.S === "stream").map((record) => record.eventName));
    ShardIterator = NextShardIterator;
  }
  assert.deepEqual(names, ["INSERT", "REMOVE"]);
});
