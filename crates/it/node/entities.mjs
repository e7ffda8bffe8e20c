// The entities that the tests of ElectroDB know: employees and offices that meet in an index, accounts in a local one.

import { Entity } from "electrodb";
import { documents } from "./local.mjs";

export const gsi = (number) => `gsi${number}pk-gsi${number}sk-index`;

export const employeeIn = (table) => new Entity(
  {
    model: { entity: "employee", version: "1", service: "office" },
    attributes: {
      employee: { type: "string", required: true },
      firstName: { type: "string", required: true },
      lastName: { type: "string", required: true },
      office: { type: "string", required: true },
      team: { type: ["development", "marketing", "cool cats"], required: true },
      salary: { type: "number", required: true },
      skills: { type: "set", items: "string" },
      history: { type: "list", items: { type: "map", properties: { year: { type: "number" }, what: { type: "string" } } } },
      address: { type: "map", properties: { street: { type: "string" }, floor: { type: "number" } } },
      anything: { type: "any" },
      active: { type: "boolean", default: true },
      changes: { type: "number", default: 0, watch: "*", set: (value) => value },
    },
    indexes: {
      employee: { pk: { field: "pk", composite: ["employee"] }, sk: { field: "sk", composite: [] } },
      coworkers: {
        index: gsi(1),
        collection: "workplaces",
        pk: { field: "gsi1pk", composite: ["office"] },
        sk: { field: "gsi1sk", composite: ["team", "employee"] },
      },
      teams: {
        index: gsi(2),
        pk: { field: "gsi2pk", composite: ["team"] },
        sk: { field: "gsi2sk", composite: ["salary", "employee"] },
      },
    },
  },
  { table, client: documents },
);

export const officeIn = (table) => new Entity(
  {
    model: { entity: "office", version: "1", service: "office" },
    attributes: {
      office: { type: "string", required: true },
      country: { type: "string", required: true },
      city: { type: "string", required: true },
    },
    indexes: {
      locations: { pk: { field: "pk", composite: ["country"] }, sk: { field: "sk", composite: ["city", "office"] } },
      byOffice: {
        index: gsi(1),
        collection: "workplaces",
        pk: { field: "gsi1pk", composite: ["office"] },
        sk: { field: "gsi1sk", composite: [] },
      },
    },
  },
  { table, client: documents },
);

export const accountIn = (table) => new Entity(
  {
    model: { entity: "account", version: "1", service: "bank" },
    attributes: {
      bank: { type: "string", required: true },
      account: { type: "string", required: true },
      opened: { type: "string", required: true },
      balance: { type: "number", required: true },
    },
    indexes: {
      accounts: { pk: { field: "pk", composite: ["bank"] }, sk: { field: "sk", composite: ["account"] } },
      byOpening: {
        index: "pk-lsi1sk-index",
        pk: { field: "pk", composite: ["bank"] },
        sk: { field: "lsi1sk", composite: ["opened"] },
      },
    },
  },
  { table, client: documents },
);


export const hire = (more) => ({ firstName: "Ann", lastName: "Lee", office: "attic", team: "development", salary: 100, ...more });
