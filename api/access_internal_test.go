package api

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query/querytest"
	"zonebox/registry"
)

// persons are those who ask every route, in the order of the table's columns: the
// city authority; the regulator of the zone medical and that of another; the
// provider of the dataset persons and that of visits; the data centre; the security
// officer; the operator of the zone and that of another; the auditor.
var persons = []string{"zhao.city", "sun.health", "gu.finance", "zheng.police", "qian.hospital", "wu.dc", "he.sec", "li.op", "jin.op", "feng.audit"}

// words are the answers as the table spells them; any other code is itself.
var words = map[string]string{
	"": "ok", "ROLE_REQUIRED": "role", "NOT_FOUND": "none", "BAD_REQUEST": "bad", "PERMISSION_REQUIRED": "perm", "DOCUMENT_REFUSED": "doc", "KEY_IN_USE": "use",
	"ENTRY_STATE": "state", "AGREEMENT_STATE": "state", "RUN_STATE": "state", "LOAD_REFUSED": "refused", "DATA_STATE": "state", "ROLE_NOT_ALLOWED": "policy", "POLICY_BUNDLE_REFUSED": "bundle",
	"REQUEST_STATE": "state", "ALERT_STATE": "state",
}

// access is what requirements.md §§1 and 4 say of each route, by person, on what
// concerns them, on what concerns others, on what is not there and on what is
// retired. "none" is told of what one may not see as of what is not there; "gone"
// is none for want of data, past every check of the person; "-" is not asked.
const access = `
# ask and explain: operators, under a scenario of their own (NJ24-13, NJ24-06d); of what is submitted, how it ended
POST /v1/submissions      SUBMIT                   policy policy policy policy policy policy policy ok     none   policy
POST /v1/submissions      SUBMIT-UNKNOWN           none   none   none   none   none   none   none   none   none   none
# a submission: whoever handed it in, and nobody else
GET  /v1/submissions/:id  SUBMISSION               none   none   none   none   none   none   none   ok     none   none
GET  /v1/submissions/:id  nothing                  none   none   none   none   none   none   none   none   none   none
GET  /v1/submissions/:id/events SUBMISSION         none   none   none   none   none   none   none   ok     none   none
GET  /v1/submissions/:id/events nothing            none   none   none   none   none   none   none   none   none   none
GET  /v1/submissions/:id/answer SUBMISSION         none   none   none   none   none   none   none   ok     none   none
GET  /v1/submissions/:id/answer nothing            none   none   none   none   none   none   none   none   none   none
DELETE /v1/submissions/:id SUBMISSION              none   none   none   none   none   none   none   ok     none   none
DELETE /v1/submissions/:id nothing                 none   none   none   none   none   none   none   none   none   none
POST /v1/explain          QUERY                    ok     ok     ok     ok     ok     ok     ok     ok     none   ok
POST /v1/explain          QUERY-UNKNOWN            none   none   none   none   none   none   none   none   none   none
# browsers that are signed in: each person's own (JM19-04)
GET  /v1/sessions         .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
DELETE /v1/sessions/:id   nothing                  none   none   none   none   none   none   none   none   none   none
# previews: the provider of the rows, the zone's regulator (NJ24-14)
POST /v1/previews         {"grant":"persons-statistics"} role ok role ok role role role role role role
POST /v1/previews         {"grant":"nothing"}      role   none   none   none   none   role   role   role   role   role
# documents: read by all but operators, who see what their licenses name (NJ24-04, NJ24-05)
GET  /v1/documents/:kind  dataset                  ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/documents/:kind  nothing                  bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
GET  /v1/documents/:kind/:name dataset/persons     ok     ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/documents/:kind/:name dataset/taxes       ok     ok     ok     ok     ok     ok     ok     none   ok     ok
GET  /v1/documents/:kind/:name dataset/ledgers     ok     ok     ok     ok     ok     ok     ok     none   none   ok
GET  /v1/documents/:kind/:name dataset/wards       none   none   none   none   none   none   none   none   none   none
GET  /v1/documents/:kind/:name dataset/nothing     none   none   none   none   none   none   none   none   none   none
GET  /v1/documents/:kind/:name zone/medical        ok     ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/documents/:kind/:name license/medical-2026 ok    ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/documents/:kind/:name grant/persons-statistics ok ok    ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/documents/:kind/:name organization/huiyi  ok     ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/documents/:kind/:name organization/public-security ok ok ok    ok     ok     ok     ok     none   none   ok
GET  /v1/documents/:kind/:name person/sun.health   ok     ok     none   none   none   none   none   none   none   ok
GET  /v1/documents/:kind/:name person/li.op        ok     none   none   none   none   none   none   ok     none   ok
GET  /v1/documents/:kind/:name retention/domain    none   none   none   none   none   none   none   none   none   none
GET  /v1/documents/:kind/:name qualityrules/persons ok    ok     none   ok     none   ok     ok     none   none   ok
# documents: written by the roles of their kind (NJ24-04, JM19-36)
POST /v1/documents        ORGANIZATION             ok     doc    doc    doc    doc    doc    doc    doc    doc    doc
POST /v1/documents        ZONE                     -      doc    doc    doc    doc    doc    doc    doc    doc    doc
POST /v1/documents        RETENTION-SHORT          doc    doc    doc    doc    doc    doc    doc    doc    doc    doc
POST /v1/documents        nothing                  doc    doc    doc    doc    doc    doc    doc    doc    doc    doc
# documents that wait for their time: seen as those in force; withdrawn by who signed or handed in
GET  /v1/pending          .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/shows            {"kind":"organization","name":"later","pending":true} ok ok ok ok ok ok ok none none ok
POST /v1/pending/:batch   nothing:{"reason":"x"}   none   none   none   none   none   none   none   none   none   none
POST /v1/pending/:batch   PENDING:{}   bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/pending/:batch   PENDING:{"reason":"x"}   -      none   none   none   none   none   none   none   none   none
POST /v1/pending/:batch   PENDING:{"reason":"x"}   ok     -      -      -      -      -      -      -      -      -
GET  /v1/history/:kind/:name license/medical-2026  ok     ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/history/:kind/:name person/li.op          ok     none   none   none   none   none   none   ok     none   ok
GET  /v1/history/:kind/:name dataset/nothing       none   none   none   none   none   none   none   none   none   none
GET  /v1/history/:kind/:name nothing/nothing       bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/shows            {"kind":"license","name":"medical-2026"} ok ok ok ok ok ok ok ok none ok
POST /v1/shows            {"kind":"license","name":"medical-2026","version":9} none none none none none none none none none none
POST /v1/shows            {"kind":"person","name":"li.op"} ok none none none none none none ok none ok
POST /v1/shows            {"kind":"dataset","name":"nothing"} none none none none none none none none none none
POST /v1/diffs            {"kind":"license","name":"medical-2026"} ok ok ok ok ok ok ok ok none ok
POST /v1/diffs            {"kind":"dataset","name":"nothing"} none none none none none none none none none none
POST /v1/diffs            {"kind":"dataset","name":"persons","document":{"kind":"Dataset","name":"taxes","spec":{}}} bad bad bad bad bad bad bad bad bad bad
POST /v1/rollbacks        {"document":{"kind":"License","name":"medical-2026","spec":{}},"to":1,"reason":"x"} doc doc doc doc doc doc doc doc none doc
POST /v1/rollbacks        {"document":{"kind":"License","name":"medical-2026","spec":{}},"to":9,"reason":"x"} none none none none none none none none none none
POST /v1/rollbacks        {"document":{"kind":"License","name":"medical-2026","spec":{}},"to":1} bad bad bad bad bad bad bad bad bad bad
# policy packs: regulations are public (NJ24-24, NJ24-01)
GET  /v1/packs            .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/packs/:name      nanjing-2024             ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/packs/:name      nothing                  none   none   none   none   none   none   none   none   none   none
# loads: the data centre (U-04, NJ24-06d); who supervises looks on
POST /v1/loads            DELIVERY                 role   role   role   role   role   refused role  role   role   role
POST /v1/trials           DELIVERY                 role   role   role   role   role   ok     role   role   role   role
POST /v1/proposals        FILE                     role   role   role   ok     ok     ok     role   role   role   role
GET  /v1/loads            .                        ok     ok     ok     role   role   ok     ok     role   role   ok
GET  /v1/loads/:id        LOAD                     ok     ok     none   none   none   ok     ok     none   none   ok
GET  /v1/loads/:id        nothing                  none   none   none   none   none   none   none   none   none   none
GET  /v1/loads/:id/events LOAD                     ok     ok     none   none   none   ok     ok     none   none   ok
GET  /v1/loads/:id/events nothing                  none   none   none   none   none   none   none   none   none   none
DELETE /v1/loads/:id      LOAD                     role   role   none   none   none   ok     role   none   none   role
DELETE /v1/loads/:id      nothing                  none   none   none   none   none   none   none   none   none   none
GET  /v1/loads/:id/receipt LOAD                    ok     ok     none   none   none   ok     ok     none   none   ok
GET  /v1/loads/:id/receipt nothing                 none   none   none   none   none   none   none   none   none   none
POST /v1/receipts         {"code":"DROP_NAME"}     role   role   role   role   role   ok     role   role   role   role
# courses of licenses: the operator that applied, the zone's regulator, who supervises or offboards (4.1, NJ24-06, NJ24-07)
GET  /v1/agreements       .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/agreements       {"call":"nothing","title":"x","scenarios":[],"materials":[]} role role role role role role role none none role
GET  /v1/agreements/:id   COURSE                   ok     ok     none   none   none   ok     ok     ok     none   ok
GET  /v1/agreements/:id   nothing                  none   none   none   none   none   none   none   none   none   none
POST /v1/agreements/:id   COURSE:{"move":"seize"}  bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/agreements/:id   COURSE:{"move":"apply"}  bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/agreements/:id   COURSE:{"move":"suspend"} bad   bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/agreements/:id   COURSE:{"move":"reject"} bad    role   role   role   role   role   role   role   role   role
POST /v1/agreements/:id   COURSE:{"move":"assess","result":{"experts":["x"],"passed":true,"opinion":"x","date":"2026-01-01"}} role state none role role role role role role role
POST /v1/agreements/:id   COURSE:{"move":"review","result":{"experts":["x"],"passed":true,"opinion":"x","date":"2026-01-01"}} state role role role role role role role role role
POST /v1/agreements/:id   COURSE:{"move":"consent","ref":"x","date":"2026-01-01"} state role role role role role role role role role
POST /v1/agreements/:id   COURSE:{"move":"publish","ref":"x","date":"2026-01-01"} state role role role role role role role role role
POST /v1/agreements/:id   COURSE:{"move":"draft"}  bad    role   role   role   role   role   role   role   role   role
POST /v1/agreements/:id   COURSE:{"move":"sign"}   bad    bad    none   role   role   role   role   bad    none   role
POST /v1/agreements/:id   COURSE:{"move":"activate"} state role  role   role   role   role   role   role   role   role
POST /v1/agreements/:id   COURSE:{"move":"offboard"} role role   role   role   role   use    role   role   role   role
POST /v1/agreements/:id   COURSE:{"move":"close"}  OFFBOARDING_OPEN role role role role role role role role OFFBOARDING_OPEN
POST /v1/agreements/:id   nothing:{"move":"close"} none   role   role   role   role   role   role   role   role   none
POST /v1/agreements/:id   COURSE:{"move":"check","basis":"x"} ok role role   role   role   role   role   role   role   role
POST /v1/agreements/:id   COURSE:{"move":"withdraw"} role role   role   role   role   role   role   ok     none   role
# the catalogue: what is published as documents are; an edition its provider, the zone's regulator, who supervises (NJ19-16)
GET  /v1/catalogue        .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/catalogue/:name  persons                  ok     ok     ok     ok     ok     ok     ok     ok     none   ok
GET  /v1/catalogue/:name  wards                    ok     ok     none   none   ok     none   ok     none   none   ok
GET  /v1/catalogue/:name  ledgers                  ok     ok     ok     ok     ok     ok     ok     none   none   ok
GET  /v1/catalogue/:name  nothing                  none   none   none   none   none   none   none   none   none   none
POST /v1/catalogue/:name  wards:{"move":"return","basis":"NJ19-16"}      state role role role role role role role role role
POST /v1/catalogue/:name  wards:{"move":"approve"}                       bad  role role role role role role role role role
POST /v1/catalogue/:name  wards:{"move":"reject","basis":"NJ19-16"}      state role role role role role role role role role
POST /v1/catalogue/:name  wards:{"move":"concur"}                        role bad  none role role role role role role role
POST /v1/catalogue/:name  wards:{"move":"submit"}                        role role role none bad  role role role role role
POST /v1/catalogue/:name  wards:{"move":"publish"}                       state role role none state role role role role role
POST /v1/catalogue/:name  wards:{"move":"change","basis":"x","trigger":"LAW"} state role role none state role role role role role
POST /v1/catalogue/:name  wards:{"move":"draft"}                         role role role bad  bad  role role role role role
POST /v1/catalogue/:name  wards:{"move":"retire","basis":"x"}            none role role none none role role role role role
POST /v1/catalogue/:name  nothing:{"move":"retire","basis":"x"}          none role role none none role role role role role
POST /v1/catalogue/:name  nothing:{"move":"withdraw"}                    role role role none none role role role role role
POST /v1/catalogue/:name  persons:{"move":"retire","basis":"x"}          -    role role -    role role role role role role
POST /v1/catalogue/:name  wards:{"move":"seize"}                         bad  bad  bad  bad  bad  bad  bad  bad  bad  bad
POST /v1/catalogue-checks ENTRY                    ok     ok     ok     ok     ok     role   role   role   role   role
GET  /v1/catalogue-exports/:list/:format open/csv  ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/catalogue-exports/:list/:format nothing/csv bad  bad    bad    bad    bad    bad    bad    bad    bad    bad
# consents: brought in and withdrawn by the data centre, counted by who supervises; a regulator sees its zones' (NJ24-16)
GET  /v1/consents         .                        ok     ok     ok     role   role   ok     ok     role   role   ok
POST /v1/consents         CONSENTS:outpatient-statistics role role role role role ok    role   role   role   role
POST /v1/consents         CONSENTS:nothing         role   role   role   role   role   none   role   role   role   role
POST /v1/consents/withdrawals CONSENTS:outpatient-statistics role role role role role ok role  role   role   role
POST /v1/consents/withdrawals CONSENTS:nothing     role   role   role   role   role   none   role   role   role   role
# data requests: their operator, the zone's regulator, the providers asked, the data centre, who supervises (NJ24-15, SY20-21, 4.2)
GET  /v1/requests         .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/requests/:name   want-address             ok     ok     none   ok     none   ok     ok     ok     none   ok
GET  /v1/requests/:name   nothing                  none   none   none   none   none   none   none   none   none   none
POST /v1/requests/:name   want-address:{"move":"assess"} role REQUEST_MOVED none role role role role role role role
POST /v1/requests/:name   want-address:{"move":"approve"} role role role state none role role role role role
POST /v1/requests/:name   want-address:{"move":"reject","basis":"x"} role REFUSAL_BASIS none REFUSAL_BASIS none role role role role role
POST /v1/requests/:name   want-address:{"move":"uphold","basis":"x"} state role role role role role role role role role
POST /v1/requests/:name   want-address:{"move":"resume","basis":"x"} state role role role role role role role role role
POST /v1/requests/:name   want-address:{"move":"revoke","basis":"x"} state state none state none role role role role role
POST /v1/requests/:name   want-address:{"move":"dispute","basis":"x"} role - none - none role role - none role
POST /v1/requests/:name   want-address:{"move":"dispute","basis":"x"} - - - - - - - ok - -
POST /v1/requests/:name   want-address:{"move":"return"} bad bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/requests/:name   want-address:{"move":"seize"} bad  bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/requests/:name   nothing:{"move":"assess"} role none  none   role   role   role   role   role   role   role
# alerts: sent to the roles of their rule, that zone's regulator, that operator's security officer; security reads (NJ24-21, NJ24-06, NJ24-08)
GET  /v1/alerts           .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/alerts/:id       ALERT                    ok     ok     none   none   none   none   ok     none   none   none
GET  /v1/alerts/:id       nothing                  none   none   none   none   none   none   none   none   none   none
POST /v1/alerts/:id       ALERT:{"reason":""}      bad    bad    none   none   none   none   role   none   none   none
POST /v1/alerts/:id       nothing:{"reason":"x"}   none   none   none   none   none   none   none   none   none   none
POST /v1/alerts/:id       ALERT:{"reason":"x"}     ok     state  none   none   none   none   role   none   none   none
# terms: of what concerns each (4.2)
GET  /v1/clocks           .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
# reviews: the parties of a run, and its requester (NJ24-15, 4.3)
GET  /v1/reviews          .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/reviews/:run     REVIEW                   none   ok     none   none   none   none   none   ok     none   none
GET  /v1/reviews/:run     nothing                  none   none   none   none   none   none   none   none   none   none
GET  /v1/reviews/:run/rows REVIEW                  none   state  none   none   none   none   none   role   none   none
GET  /v1/reviews/:run/rows nothing                 none   none   none   none   none   none   none   none   none   none
POST /v1/reviews/:run     REVIEW:{"approve":true,"basis":"NJ24-14"} none ok none none none none none none none none
POST /v1/reviews/:run     REVIEW:{"approve":false} bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/reviews/:run     nothing:{"approve":true,"basis":"x"} none none none none none none none none none none
POST /v1/reviews/:run/coarser REVIEW:{"k":20,"basis":"NJ24-14"} none none none none none none none none none none
POST /v1/reviews/:run/coarser RUN:{"k":20,"basis":"NJ24-14"} none state none state none none none none none none
POST /v1/reviews/:run/coarser RUN:{"k":20}            bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/reviews/:run/coarser nothing:{"k":20,"basis":"NJ24-14"} none none none none none none none none none none
# quality: the provider, the data centre, who supervises; of a zone its own regulator (NJ24-06, JM19-14)
GET  /v1/quality          .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/quality/:dataset persons                  ok     ok     none   ok     none   ok     ok     none   none   ok
GET  /v1/quality/:dataset wards                    none   none   none   none   none   none   none   none   none   none
GET  /v1/quality/:dataset nothing                  none   none   none   none   none   none   none   none   none   none
GET  /v1/quality/:dataset/history persons          ok     ok     none   ok     none   ok     ok     none   none   ok
GET  /v1/quality/:dataset/history nothing          none   none   none   none   none   none   none   none   none   none
GET  /v1/quality/:dataset/rules persons            ok     ok     none   ok     none   ok     ok     none   none   ok
GET  /v1/quality/:dataset/rules nothing            none   none   none   none   none   none   none   none   none   none
POST /v1/quality/:dataset/run persons:             role   role   none   ok     none   ok     role   none   none   role
POST /v1/quality/:dataset/run nothing:             none   none   none   none   none   none   none   none   none   none
POST /v1/quality/:dataset/settle persons:{"version":"x","release":true,"reason":"x"} role role none gone none role role none none role
POST /v1/quality/:dataset/settle nothing:{"version":"x","release":true,"reason":"x"} none none none none none none none none none none
# contacts: masked where the person document is seen; said and shown whole to the person and the city authority (NJ19-34)
GET  /v1/contacts         .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/contacts         {"phone":"13812345678"}  ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/contacts         {"phone":"1381234567"}   bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/contacts         {"person":"li.op","phone":"13812345678"} ok none none none none none none ok none role
POST /v1/contacts         {"person":"nothing","phone":"13812345678"} none none none none none none none none none none
POST /v1/contacts/shows   {}                       ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/contacts/shows   {"person":"li.op"}       bad    none   none   none   none   none   none   ok     none   role
POST /v1/contacts/shows   {"person":"li.op","reason":"x"} ok none none none none none none ok none role
POST /v1/contacts/shows   {"person":"nothing","reason":"x"} none none none none none none none none none none
# API keys: everybody's own, listed and revoked by the city authority too, listed for auditors (YC22-40, JM19-36)
GET  /v1/api-keys         .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/api-keys         {"purpose":"x","scopes":["read"]} ok ok ok   ok     ok     ok     ok     ok     ok     ok
POST /v1/api-keys         {"purpose":"x","scopes":["review"]} bad bad bad bad  bad    bad    bad    bad    bad    bad
POST /v1/api-keys         {"purpose":"x","scopes":["read"],"days":91} bad bad bad bad bad bad bad bad  bad    bad
DELETE /v1/api-keys/:id   nothing                  none   none   none   none   none   none   none   none   none   none
DELETE /v1/api-keys/:id   APIKEY                   -      none   none   none   none   none   none   -      none   role
DELETE /v1/api-keys/:id   APIKEY                   ok     -      -      -      -      -      -      -      -      -

# one-time codes: everybody's own; who has is told to the city authority, who ends another's that are lost, and to auditors
GET  /v1/second-factors   .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/second-factors   .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/second-factors/codes {"code":"000000x"}   CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED CODE_REFUSED
DELETE /v1/second-factors/:person nothing          none   none   none   none   none   none   none   none   none   none
DELETE /v1/second-factors/:person li.op            -      none   none   none   none   none   none   role   none   role
DELETE /v1/second-factors/:person li.op            ok     -      -      -      -      -      -      -      -      -

# tickets: opened by operator, provider and data centre; seen by who opened, the provider, who supervises (4.6)
GET  /v1/tickets          .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/tickets/:ticket  TICKET                   ok     ok     none   ok     none   ok     ok     ok     none   ok
GET  /v1/tickets/:ticket  nothing                  none   none   none   none   none   none   none   none   none   none
POST /v1/tickets          {"dataset":"persons","text":"x"} role role role ok ok ok role bad bad role
POST /v1/tickets          {"dataset":"nothing","text":"x"} role role role none none none role bad bad role
POST /v1/tickets          RUN:{"dataset":"persons","text":"x"} role role role ok none ok role ok none role
POST /v1/tickets          RUN:{"dataset":"taxes","text":"x"} role role role none none none role none none role
# tasks to put data right: ordered by the regulator of the zone, the city authority, the data centre (YC22-16)
POST /v1/tickets          TICKET:{"dataset":"persons","text":"x","task":true} ok ok none role role ok role role role role
POST /v1/tickets          {"dataset":"persons","text":"x","task":true,"report":"nothing"} gone gone none role role gone role role role role
POST /v1/tickets/:ticket  TICKET:{"move":"verify"} role role none role none role role state none role
POST /v1/tickets/:ticket  DISPUTED:{"move":"uphold","text":"x"} - role none role none role role none none role
POST /v1/tickets/:ticket  DISPUTED:{"move":"dismiss","text":"x"} - role none role none role role none none role
POST /v1/tickets/:ticket  DISPUTED:{"move":"uphold","text":"x"} ok - - - - - - - - -
POST /v1/tickets/:ticket  TICKET:{"move":"correct","text":"x"} role role none state none role role role none role
POST /v1/tickets/:ticket  nothing:{"move":"verify"} none none none none none none none none none none
# where figures come from: the data centre and who supervises (YC22-16)
GET  /v1/traces/:run      RUN                      ok     ok     none   role   role   ok     ok     role   role   ok
GET  /v1/traces/:run      nothing                  none   none   none   role   role   none   none   role   role   none
GET  /v1/audit            .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
# the log from elsewhere: who supervises; cosigned by auditors (NJ24-21, JM19-36)
GET  /v1/audit/checkpoint .                        ok     ok     ok     role   role   role   ok     role   role   ok
POST /v1/audit/cosignatures {"checkpoint":"x"}     role   role   role   role   role   role   role   role   role   WITNESS_REFUSED
# that a release stands in the log: who asked, who supervises; a regulator of its own zone (NJ24-21)
GET  /v1/audit/proofs/:run RUN                     ok     ok     none   none   none   none   ok     ok     none   ok
GET  /v1/audit/proofs/:run nothing                 none   none   none   none   none   none   none   none   none   none
# lines that leaked: the security officer, a regulator in its zones (NJ24-21)
POST /v1/fragments        {"lines":[["320102","5"]]} role  ok     ok     role   role   role   ok     role   role   role
POST /v1/fragments        {"lines":[]}             role   bad    bad    role   role   role   bad    role   role   role
# reports: who supervises, of a zone its own regulator; use, and what was not used, to operators of themselves (NJ19-27, NJ24-13, JM19-36, JM19-38)
GET  /v1/reports/use      ?from=2026-01-01&to=2026-01-31 ok ok  ok     role   role   role   ok     ok     ok     ok
GET  /v1/reports/use      ?from=2026-01-01&to=2026-01-31&zone=medical ok ok none role role role ok ok     ok     ok
GET  /v1/reports/use      ?from=2026-01-01&to=2026-01-31&zone=nothing none none none role role role none none none none
GET  /v1/reports/use      ?from=yesterday&to=today bad    bad    bad    role   role   role   bad    bad    bad    bad
GET  /v1/reports/unused   ?from=2026-01-01&to=2026-01-31 ok ok  ok     role   role   role   ok     ok     ok     ok
GET  /v1/reports/risk     ?from=2026-01-01&to=2026-01-31 ok ok  ok     role   role   role   ok     role   role   ok
GET  /v1/reports/risk     ?from=2026-01-01&to=2026-01-31&zone=medical ok ok none role role role ok role   role   ok
POST /v1/samples          {"from":"2026-01-01","to":"2026-01-31","size":3} ok ok ok role role role ok role role ok
POST /v1/samples          {"from":"2026-01-01","to":"2099-01-31","size":3} bad bad bad role role role bad role role bad
GET  /v1/samples/:id      nothing                  none   none   none   role   role   role   none   role   role   none
POST /v1/samples/:id/verdicts nothing:{"index":1,"verdict":"SOUND","reason":"x"} none none none role role role none role role none
# versions: the data centre, the provider, the zone's regulator, who supervises (NJ24-06, NJ19-07)
POST /v1/versions         {"dataset":"persons"}    ok     ok     none   ok     none   ok     ok     role   role   ok
POST /v1/versions         {"dataset":"ledgers"}    ok     ok     none   none   ok     ok     ok     role   role   ok
POST /v1/versions         {"dataset":"nothing"}    none   none   none   none   none   none   none   role   role   none
POST /v1/versions         {"zone":"medical"}       ok     ok     none   ok     ok     ok     ok     role   role   ok
POST /v1/versions         {"zone":"nothing"}       none   none   none   none   none   none   none   role   role   none
POST /v1/versions/verify  {"dataset":"persons"}    ok     ok     none   ok     none   ok     ok     role   role   ok
POST /v1/versions/verify  {"dataset":"nothing"}    none   none   none   none   none   none   none   role   role   none
POST /v1/versions/diff    {"dataset":"persons"}    gone   gone   none   gone   none   gone   gone   role   role   gone
POST /v1/versions/diff    {"dataset":"nothing"}    none   none   none   none   none   none   none   role   role   none
POST /v1/versions/rollback {"dataset":"persons","version":"x","reason":"x"} role gone none gone none gone role role role role
POST /v1/versions/rollback {"dataset":"nothing","version":"x","reason":"x"} none none none none none none none role role none
POST /v1/versions/retire  {"dataset":"persons","version":"x","reason":"x"} role gone none gone none gone role role role role
POST /v1/versions/retire  {"dataset":"nothing","version":"x","reason":"x"} none none none none none none none role role none
# a key that data need, before destructions change keys (YC22-40)
POST /v1/keys/destroy     {"purpose":"zone-data","zone":"medical","version":2} role role role role role use use role role role
# destruction: ordered by the data centre, security, the city, the zone's regulator; confirmed by the last two (YC22-39, YC22-40, NJ24-06)
GET  /v1/shreds           .                        ok     ok     ok     role   role   ok     ok     role   role   ok
POST /v1/shreds           {"kind":"column","zone":"medical","dataset":"persons","column":"phone","reason":"x"} ok ok role role role ok ok role role role
POST /v1/shreds           {"kind":"dataset","zone":"medical","dataset":"nothing","reason":"x"} none none role role role none none role role role
POST /v1/shreds           {"kind":"dataset","zone":"nothing","dataset":"nothing","reason":"x"} none role role role role none none role role role
POST /v1/shreds           {"kind":"workspace","organization":"huiyi","reason":"x"} use role role role role use use role role role
POST /v1/shreds/:id       nothing:                 none   none   none   role   role   role   role   role   role   role
POST /v1/shreds/:id       SHRED:                   use    ok     none   role   role   role   role   role   role   role
# keys (JM19-36, YC22-40)
GET  /v1/keys             .                        ok     role   role   role   role   ok     ok     role   role   ok
POST /v1/keys/destroy     {"purpose":"zone-data","zone":"nothing","version":1} role role role role role none none role role role
POST /v1/keys/destroy     {"purpose":"zone-data","zone":"medical"} use use role role role role role role role role
POST /v1/keys/destroy     {"purpose":"zone-data","zone":"nothing"} none role role role role role role role role role
POST /v1/keys/rotate      {"purpose":"zone-data","zone":"medical"} role role role role role ok ok role role role
POST /v1/keys/rotate      {"purpose":"zone-data","zone":"nothing"} role role role role role none none role role role
POST /v1/keys/rewrap      {"zone":"medical"}       role   role   role   role   role   ok     ok     role   role   role
POST /v1/keys/rewrap      {"zone":"nothing"}       role   role   role   role   role   none   none   role   role   role
# backups (YC22-14, NJ19-36)
GET  /v1/backups          .                        ok     role   role   role   role   ok     ok     role   role   ok
POST /v1/backups          {}                       role   role   role   role   role   ok     ok     role   role   role
POST /v1/backups/:id/verify BACKUP:                ok     role   role   role   role   ok     ok     role   role   ok
POST /v1/backups/:id/verify nothing:               none   role   role   role   role   none   none   role   role   none
# what-if: who makes the rules or audits them; it executes nothing (JM19-36)
POST /v1/what-if          {}                       bad    bad    bad    role   role   role   role   role   role   bad
POST /v1/what-if          {"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","bundle":"eA=="} bundle bundle bundle role role role role role role bundle
# rules: ordered and confirmed by the city authority and a zone regulator; seen by who supervises (YC22-38)
GET  /v1/policy           .                        ok     ok     ok     role   role   ok     ok     role   role   ok
POST /v1/policy           {}                       bad    bad    bad    role   role   role   role   role   role   role
POST /v1/policy           {"archive":"eA=="}       bundle bundle bundle role   role   role   role   role   role   role
POST /v1/policy           {"return":true,"reason":"x"} bundle bundle bundle role role role role role role role
POST /v1/policy/:order    nothing:                 none   none   none   role   role   role   role   role   role   role
GET  /v1/domain           .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
GET  /v1/openapi          .                        ok     ok     ok     ok     ok     ok     ok     ok     ok     ok
POST /v1/selfchecks       .                        role   role   role   role   role   ok     ok     role   role   role
GET  /v1/status           .                        ok     role   role   role   role   ok     ok     role   role   ok
# outputs called back or frozen: the city authority, the zone's regulator, the provider; the data centre freezes (4.4)
POST /v1/outputs/:run     RUN:{"move":"freeze","basis":"x"} state state none role role state role role role role
POST /v1/outputs/:run     RUN:{"move":"recall"}    bad    bad    bad    bad    bad    bad    bad    bad    bad    bad
POST /v1/outputs/:run     RUN:{"move":"recall","basis":"x"} - ok none state none role role role role role
POST /v1/outputs/:run     nothing:{"move":"recall","basis":"x"} none none none none none role role role role role
`

// TestAccess asks one world, that is dear to make: its lists first, which the others
// add to.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"WhoFindsWhatInAList", whoFindsWhatInAList},
		{"EachPermissionIsItsOwn", eachPermissionIsItsOwn},
		{"EveryRouteByEveryRole", everyRouteByEveryRole},
		{"MalformedRequests", malformedRequests},
	} {
		t.Run(part.name, func(t *testing.T) {
			in := *w
			in.Domain = w.In(t)
			part.test(t, &in)
		})
	}
	// The provider was shown previews of what it delivered; nobody else was shown any of
	// it, and it stands nowhere else.
	if *w.shown == 0 {
		t.Error("not even the provider's preview shows what was delivered")
	}
	if found := append(w.canaries.In([]byte(w.Log.String())), w.canaries.Below(t, w.Config.Domain, w.Config.Keys, w.Config.BackupRoots[0])...); len(found) > 0 {
		t.Errorf("log and disks hold %q", found)
	}
}

// everyRouteByEveryRole asks each route as each person. A route without a row fails.
func everyRouteByEveryRole(t *testing.T, w *world) {
	missing := map[string]bool{}
	for _, r := range router(w.Engine, w.Config.Log).Routes() {
		missing[r.Method+" "+r.Path] = true
	}
	asked := 0
	for line := range strings.Lines(access) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) != 3+len(persons) {
			t.Fatalf("the row %q has %d fields", line, len(f))
		}
		route, on := f[0]+" "+f[1], f[2]
		delete(missing, route)
		for i, want := range f[3:] {
			if want == "-" {
				continue
			}
			uri, body := w.request(route, on)
			asked++
			if got := w.ask(t, persons[i], f[0], uri, body); got != want {
				t.Errorf("%s %s as %s = %s, want %s", route, on, persons[i], got, want)
			}
		}
	}
	for _, route := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("%s has no row in the table", route)
	}
	t.Logf("%d requests", asked)
}

// eachPermissionIsItsOwn: whoever lacks one of the four is refused what it is
// for, though they have the role and the other three (YC22-39).
func eachPermissionIsItsOwn(t *testing.T, w *world) {
	all := []string{registry.PermissionCopy, registry.PermissionExport, registry.PermissionRecipe, registry.PermissionDestroy}
	var people bytes.Buffer
	for _, role := range []struct{ short, name, org string }{
		{"dc", registry.RoleDataCentre, "data-centre"}, {"city", registry.RoleCityAuthority, "city-data-authority"}, {"reg", registry.RoleZoneRegulator, "health-commission"},
		{"sec", registry.RoleSecurity, "security-office"}, {"prov", registry.RoleProvider, "public-security"},
	} {
		for _, without := range all {
			name := role.short + "." + without
			held := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p == without })
			fmt.Fprintf(&people, "---\nkind: Person\nname: %s\nspec: {real_name: 某人, organization: %s, roles: [%s], permissions: [%s], status: active, signing_key: %q, recipient_key: %q}\n",
				name, role.org, role.name, strings.Join(held, ", "), w.Key(name).SigningKey(), w.Key(name).RecipientKey())
		}
	}
	w.Apply(querytest.Founder, people.String())
	grant := func(reg, prov string) string {
		text, err := os.ReadFile(filepath.Join("..", "query", "querytest", "city", "grants.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n---\n")
		return strings.NewReplacer("keep_first: 1", "keep_last: 1", "by: sun.health", "by: "+reg, "by: zheng.police", "by: "+prov).Replace(first)
	}
	shred := `{"kind":"column","zone":"medical","dataset":"persons","column":"phone","reason":"x"}`
	for _, c := range []struct {
		role, method, uri, body, takes, want string
	}{
		{"dc", "POST", "/v1/backups", "{}", registry.PermissionExport, "ok"},
		{"sec", "POST", "/v1/backups", "{}", registry.PermissionExport, "ok"},
		{"dc", "POST", "/v1/shreds", shred, registry.PermissionDestroy, "ok"},
		{"sec", "POST", "/v1/shreds", shred, registry.PermissionDestroy, "ok"},
		{"city", "POST", "/v1/shreds", shred, registry.PermissionDestroy, "ok"},
		{"reg", "POST", "/v1/shreds", shred, registry.PermissionDestroy, "ok"},
		{"city", "POST", "/v1/shreds/" + w.names["ORDER"], "", registry.PermissionDestroy, "ok"},
		{"reg", "POST", "/v1/shreds/" + w.names["ORDER"], "", registry.PermissionDestroy, "ok"},
		{"dc", "POST", "/v1/keys/destroy", `{"purpose":"zone-data","zone":"medical","version":2}`, registry.PermissionDestroy, "use"},
		{"sec", "POST", "/v1/keys/destroy", `{"purpose":"zone-data","zone":"medical","version":2}`, registry.PermissionDestroy, "use"},
		{"city", "POST", "/v1/keys/destroy", `{"purpose":"zone-data","zone":"medical"}`, registry.PermissionDestroy, "use"},
		{"reg", "POST", "/v1/keys/destroy", `{"purpose":"zone-data","zone":"medical"}`, registry.PermissionDestroy, "use"},
		{"dc", "POST", "/v1/versions/retire", `{"dataset":"persons","version":"x","reason":"x"}`, registry.PermissionDestroy, "gone"},
	} {
		for _, without := range all {
			want := c.want
			if without == c.takes {
				want = "perm"
			}
			if got := w.ask(t, c.role+"."+without, c.method, c.uri, c.body); got != want {
				t.Errorf("%s %s %s by %s without %s = %s, want %s", c.method, c.uri, c.body, c.role, without, got, want)
			}
		}
	}
	// How a column is shown is changed by two who may change recipes.
	for _, without := range all {
		for _, by := range [][2]string{{"reg." + without, "zheng.police"}, {"sun.health", "prov." + without}} {
			err := w.TryApply("sun.health", grant(by[0], by[1]))
			if got, want := querytest.Code(err), map[bool]string{true: "DOCUMENT_REFUSED", false: ""}[without == registry.PermissionRecipe]; got != want {
				t.Errorf("a recipe changed by %v = %s, want %q", by, querytest.Text(err), want)
			}
			w.Apply("sun.health", strings.Replace(grant("sun.health", "zheng.police"), "keep_last: 1", "keep_first: 1", 1))
		}
	}
}
