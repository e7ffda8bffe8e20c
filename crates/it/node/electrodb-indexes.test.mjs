// ElectroDB: ranges of global and local indexes, pages, collections, as its documentation shows them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateTableCommand, DeleteTableCommand, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import { Service } from "electrodb";
import { accountIn, employeeIn, gsi, hire, officeIn } from "./entities.mjs";
import { dynamodb, newName } from "./local.mjs";

const table = newName("electro-indexes");
const employee = employeeIn(table);
const office = officeIn(table);
const account = accountIn(table);

const index = (number) => ({
  IndexName: gsi(number),
  KeySchema: [
    { AttributeName: `gsi${number}pk`, KeyType: "HASH" },
    { AttributeName: `gsi${number}sk`, KeyType: "RANGE" },
  ],
  Projection: { ProjectionType: "ALL" },
});

before(async () => {
  const names = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "lsi1sk"];
  await dynamodb.send(
    new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      GlobalSecondaryIndexes: [index(1), index(2)],
      LocalSecondaryIndexes: [
        {
          IndexName: "pk-lsi1sk-index",
          KeySchema: [
            { AttributeName: "pk", KeyType: "HASH" },
            { AttributeName: "lsi1sk", KeyType: "RANGE" },
          ],
          Projection: { ProjectionType: "ALL" },
        },
      ],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
});

after(() => dynamodb.send(new DeleteTableCommand({ TableName: table })));

test("indexes are queried by every kind of range, in pages", async () => {
  const teams = ["development", "marketing", "cool cats"];
  const people = Array.from({ length: 30 }, (_, n) =>
    hire({ employee: `q-${String(n).padStart(2, "0")}`, office: "garden", team: teams[n % 3], salary: 100 + n }),
  );
  await employee.put(people).go();
  const ids = (found) => found.data.map((person) => Number(person.employee.slice(2)));
  assert.equal((await employee.query.coworkers({ office: "garden" }).go({ pages: "all" })).data.length, 30);
  assert.deepEqual(ids(await employee.query.coworkers({ office: "garden", team: "marketing" }).go()).length, 10);
  const marketing = (n) => ({ salary: n });
  // The keys go on after the salary, so the upper bound is below those of its own salary.
  assert.deepEqual(ids(await employee.query.teams({ team: "marketing" }).between(marketing(104), marketing(110)).go()), [4, 7]);
  assert.deepEqual(ids(await employee.query.teams({ team: "marketing" }).gte(marketing(125)).go()), [25, 28]);
  assert.deepEqual(ids(await employee.query.teams({ team: "marketing" }).lt(marketing(105)).go({ order: "desc" })), [4, 1]);
  assert.deepEqual(ids(await employee.query.teams({ team: "marketing" }).begins({ salary: 1 }).go({ limit: 2 })), [1, 4]);
  const filtered = employee.query.coworkers({ office: "garden" }).where(({ salary }, { between }) => between(salary, 110, 112));
  assert.deepEqual(ids(await filtered.go({ pages: "all" })).sort(), [10, 11, 12]);
  const seen = [];
  let cursor = null;
  do {
    const page = await employee.query.coworkers({ office: "garden" }).go({ limit: 7, cursor });
    seen.push(...ids(page));
    cursor = page.cursor;
  } while (cursor !== null);
  assert.deepEqual(seen.sort((a, b) => a - b), people.map((_, n) => n));
  const scanned = await employee.scan.where(({ office: at }, { eq }) => eq(at, "garden")).go({ pages: "all" });
  assert.equal(scanned.data.length, 30);
  const matched = await employee.match({ office: "garden", team: "cool cats" }).go({ pages: "all" });
  assert.equal(matched.data.length, 10);
  // A team changes: the entry leaves one range and shows in the other.
  await employee.patch({ employee: "q-01" }).set({ team: "development", salary: 101 }).go();
  assert.equal((await employee.query.coworkers({ office: "garden", team: "marketing" }).go()).data.length, 9);
  await employee.delete(people.map(({ employee: id }) => ({ employee: id }))).go();
});

test("a collection reads several entities at once", async () => {
  const service = new Service({ employee, office });
  await office.put({ office: "cellar", country: "nz", city: "wellington" }).go();
  await employee.put([hire({ employee: "c-1", office: "cellar" }), hire({ employee: "c-2", office: "cellar" })]).go();
  const { data } = await service.collections.workplaces({ office: "cellar" }).go();
  assert.deepEqual([data.office.length, data.employee.length], [1, 2]);
  await employee.delete([{ employee: "c-1" }, { employee: "c-2" }]).go();
});

test("a local index orders a partition anew", async () => {
  const opened = ["2026-03-01", "2026-01-01", "2026-02-01"];
  await account.put(opened.map((date, n) => ({ bank: "ours", account: `${n}`, opened: date, balance: 0 }))).go();
  const dates = async (query) => (await query.go({ consistent: true })).data.map((found) => found.account);
  assert.deepEqual(await dates(account.query.byOpening({ bank: "ours" })), ["1", "2", "0"]);
  assert.deepEqual(await dates(account.query.byOpening({ bank: "ours" }).gt({ opened: "2026-01-01" })), ["2", "0"]);
});
