// ElectroDB: entities in one table, conditions, batches, transactions, as its documentation shows them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateTableCommand, DeleteTableCommand, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import { Service } from "electrodb";
import { employeeIn, hire, officeIn } from "./entities.mjs";
import { dynamodb, newName } from "./local.mjs";

const table = newName("electro");
const employee = employeeIn(table);
const office = officeIn(table);

before(async () => {
  const names = ["pk", "sk"];
  await dynamodb.send(
    new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  await waitUntilTableExists({ client: dynamodb, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
});

after(() => dynamodb.send(new DeleteTableCommand({ TableName: table })));

test("an entity is created once, read, patched and removed", async () => {
  const data = hire({
    employee: "one",
    skills: ["sql", "rust"],
    history: [{ year: 2020, what: "joined" }],
    address: { street: "Main", floor: 3 },
    anything: { x: [1, null] },
  });
  const created = await employee.create(data).go();
  assert.equal(created.data.active, true);
  await assert.rejects(employee.create(data).go(), /conditional request failed/i);
  const got = await employee.get({ employee: "one" }).go({ consistent: true });
  assert.deepEqual({ ...got.data, skills: [...got.data.skills].sort() }, { ...created.data, skills: ["rust", "sql"] });
  const some = await employee.get({ employee: "one" }).go({ attributes: ["salary", "address"] });
  assert.deepEqual(some.data, { salary: 100, address: data.address });
  const patched = await employee
    .patch({ employee: "one" })
    .set({ lastName: "Hopper" })
    .add({ salary: 50 })
    .append({ history: [{ year: 2024, what: "promoted" }] })
    .delete({ skills: ["sql"] })
    .remove(["anything"])
    .data(({ address }, { set }) => set(address.floor, 4))
    .go({ response: "all_new" });
  const { lastName, salary, skills, history, address, anything } = patched.data;
  assert.deepEqual({ lastName, salary, anything }, { lastName: "Hopper", salary: 150, anything: undefined });
  assert.deepEqual(skills, ["rust"]);
  assert.deepEqual(history.map((entry) => entry.year), [2020, 2024]);
  assert.deepEqual(address, { street: "Main", floor: 4 });
  await assert.rejects(employee.patch({ employee: "nobody" }).set({ salary: 1 }).go(), /conditional request failed/i);
  const gone = await employee.remove({ employee: "one" }).go({ response: "all_old" });
  assert.equal(gone.data.lastName, "Hopper");
  assert.equal((await employee.get({ employee: "one" }).go()).data, null);
});

test("conditions guard writes", async () => {
  await employee.put(hire({ employee: "guarded", salary: 10 })).go();
  const raise = (least) =>
    employee
      .update({ employee: "guarded" })
      .add({ salary: 5 })
      .where(({ salary, active }, { gte, eq }) => `${gte(salary, least)} AND ${eq(active, true)}`)
      .go({ response: "updated_new" });
  assert.equal((await raise(10)).data.salary, 15);
  await assert.rejects(raise(16), /conditional request failed/i);
  for (const lastName of ["Lee", "Hopper"]) {
    const upserted = await employee.upsert(hire({ employee: "upserted", lastName })).go({ response: "all_new" });
    assert.equal(upserted.data.lastName, lastName);
  }
  await employee.delete([{ employee: "guarded" }, { employee: "upserted" }]).go();
});

test("batches of entities are put, read and deleted", async () => {
  const people = Array.from({ length: 60 }, (_, n) => hire({ employee: `batch-${n}`, office: "hall" }));
  assert.deepEqual((await employee.put(people).go({ concurrency: 2 })).unprocessed, []);
  const keys = Array.from({ length: 61 }, (_, n) => ({ employee: `batch-${n}` }));
  const got = await employee.get(keys).go({ concurrency: 2 });
  assert.equal(got.data.length, 60);
  const ordered = await employee.get(keys).go({ preserveBatchOrder: true });
  assert.deepEqual(ordered.data.map((found) => found?.employee ?? null), [...keys.slice(0, 60).map((key) => key.employee), null]);
  await employee.delete(keys).go();
  assert.equal((await employee.get(keys).go()).data.length, 0);
});

test("transactions write over entities or not at all", async () => {
  const service = new Service({ employee, office });
  const paid = (amount) =>
    service.transaction
      .write(({ employee: people, office: places }) => [
        people.put(hire({ employee: "t-1", salary: amount })).commit(),
        people.update({ employee: "t-2" }).add({ salary: amount }).commit(),
        places.check({ country: "nz", city: "auckland", office: "pier" }).where(({ office: id }, { exists }) => exists(id)).commit({ response: "all_old" }),
      ])
      .go();
  const refused = await paid(5);
  assert.equal(refused.canceled, true);
  assert.deepEqual(refused.data.map((outcome) => [outcome.rejected, outcome.code]), [
    [false, "None"],
    [false, "None"],
    [true, "ConditionalCheckFailed"],
  ]);
  assert.equal((await employee.get({ employee: "t-1" }).go()).data, null);
  await office.put({ office: "pier", country: "nz", city: "auckland" }).go();
  assert.equal((await paid(5)).canceled, false);
  const read = await service.transaction
    .get(({ employee: people, office: places }) => [
      people.get({ employee: "t-1" }).commit(),
      places.get({ country: "nz", city: "auckland", office: "pier" }).commit(),
      people.get({ employee: "nobody" }).commit(),
    ])
    .go();
  assert.deepEqual(read.data.map(({ item }) => item?.office ?? null), ["attic", "pier", null]);
  const token = newName("token");
  const once = () => employee.update({ employee: "t-1" }).add({ salary: 1 }).commit();
  for (let n = 0; n < 2; n += 1) {
    await service.transaction.write(() => [once()]).go({ token });
  }
  assert.equal((await employee.get({ employee: "t-1" }).go()).data.salary, 6);
});
