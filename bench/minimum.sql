-- The statements of BenchmarkMinimumGroup, over registers of invented persons
-- (crowd_test.go): the shapes in which operators group what is protected. The list
-- stands still, as queries.sql does.
--
-- visits has the rows, ten to a person; persons one row a person, firms one for
-- fifty; sites three rows to each of 8,825 sites. g* and the clusters are group
-- keys of visits by how many groups they make, c5 and c12 so that five and twelve
-- persons with all their visits are a group; x is never null, y is in one row of
-- eight. Classes: group, join, nested, global, cells.

-- few | group | 16 groups of very many
SELECT g16 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g16;

-- thousands | group | 8,825 groups
SELECT g9k AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g9k;

-- thousands-count | group | 8,825 groups and nothing but their size
SELECT g9k AS g, count(*) AS n FROM visits GROUP BY g9k;

-- hundreds-of-rows | group | groups of 100 rows, a hundredth of the rows
SELECT g100 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g100;

-- suppressed | group | groups of five rows, nearly all below k
SELECT g5 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g5;

-- at-k | group | groups of eleven rows, about k persons
SELECT g11 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g11;

-- five-persons | group | groups of five persons with ten rows each
SELECT c5 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY c5;

-- twelve-persons | group | groups of twelve persons with ten rows each
SELECT c12 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY c12;

-- distinct | group | bare DISTINCT, groups of 100 rows
SELECT DISTINCT g100 AS g FROM visits;

-- filtered | group | 8,825 groups of the half that passes a filter
SELECT g9k AS g, count(*) AS n, avg(x) AS a FROM visits WHERE f < 0.5 GROUP BY g9k;

-- star-regions | join | a dimension with three rows to a key: 500 groups
SELECT s.region AS g, count(*) AS n, avg(v.x) AS a FROM visits v JOIN sites s ON v.g9k = s.site GROUP BY s.region;

-- star-sites | join | the same, 8,825 groups
SELECT s.site AS g, count(*) AS n, avg(v.x) AS a FROM visits v JOIN sites s ON v.g9k = s.site GROUP BY s.site;

-- visits-firms | join | two protected references, 3,200 groups
SELECT f.branch AS g, count(*) AS n, avg(v.x) AS a FROM visits v JOIN firms f ON v.firm = f.firm GROUP BY f.branch;

-- persons-visits | join | two protected references of equal keys, 3,000 groups
SELECT p.ward AS g, count(*) AS n, avg(v.x) AS a FROM persons p JOIN visits v ON p.person = v.person GROUP BY p.ward;

-- left-join | join | protected on both sides, one of which may be missing
SELECT p.ward AS g, count(*) AS n, count(v.x) AS a FROM persons p LEFT JOIN visits v ON p.person = v.person GROUP BY p.ward;

-- five-aggregates | join | two joins, two filters, five aggregates, 21,000 groups
SELECT p.ward AS g, v.g7 AS h, count(*) AS n, sum(v.x) AS s, avg(v.x) AS a, min(v.x) AS lo, max(v.x) AS hi
FROM persons p JOIN visits v ON p.person = v.person JOIN sites s ON v.g9k = s.site
WHERE v.f < 0.5 AND p.age > 30 AND s.copy = 0 GROUP BY p.ward, v.g7;

-- per-person | nested | sums of each person, averaged over all
SELECT avg(q.s) AS a, count(*) AS n FROM (SELECT person, sum(x) AS s FROM visits GROUP BY person) q;

-- per-person-and-key | nested | sums of each person and key, averaged over the key
SELECT q.g AS g, avg(q.s) AS a, count(*) AS n FROM (SELECT person, g16 AS g, sum(x) AS s FROM visits GROUP BY person, g16) q GROUP BY q.g;

-- inner-groups | nested | enforced at groups of 100 rows, then added up
SELECT sum(q.n) AS n, max(q.a) AS a FROM (SELECT g100 AS g, count(*) AS n, avg(x) AS a FROM visits GROUP BY g100) q;

-- everybody | global | all rows
SELECT count(*) AS n, avg(x) AS a FROM visits;

-- everybody-half | global | half of the rows
SELECT count(*) AS n, avg(x) AS a FROM visits WHERE f < 0.5;

-- everybody-few | global | one row in four thousand
SELECT count(*) AS n, avg(x) AS a FROM visits WHERE f < 0.00025;

-- everybody-join | global | all rows of a join of two protected tables
SELECT count(*) AS n, avg(v.x) AS a FROM persons p JOIN visits v ON p.person = v.person;

-- everybody-cells | global | all rows, two cells with counts of their own
SELECT count(*) AS n, avg(y) AS a, sum(x) FILTER (WHERE g16 = 3) AS s FROM visits;

-- three-cells | cells | 8,825 groups, three cells with counts of their own
SELECT g9k AS g, count(*) AS n, avg(y) AS a, sum(x) FILTER (WHERE g16 = 3) AS s, count(*) FILTER (WHERE f < 0.5) AS h FROM visits GROUP BY g9k;

-- one-cell | cells | 8,825 groups, one argument with nulls
SELECT g9k AS g, count(*) AS n, avg(y) AS a FROM visits GROUP BY g9k;
