package autogen_test

import (
	"github.com/openhands-go/server/dbmodule"
)

// own are the columns that one engine has beside those of all.
var own = map[dbmodule.Engine][]sayable{
	dbmodule.SQLite: sayables(`
integer | 1e3
integer | -1.50
numeric | 0.00
numeric | 1.50
text | (x'41' || 'b')
text | datetime('now')
text | (datetime('now', '+1 day'))
text | strftime('%Y-%m-%d', 'now')
text | CURRENT_DATE
text | CURRENT_TIME
text | hex(randomblob(4))
text | printf('%05d', 7)
text | 'a' || 'b'
text | coalesce(null, 'a')
text | (case when 1 then 'a' else 'b' end)
text | cast(1 as text)
text | substr('abcdef', 2, 3)
blob | x'0102'
blob | X'ff'
blob | 'x'
blob | randomblob(16)
blob | zeroblob(4)
integer | random()
integer | (random() % 10)
integer | unixepoch()
integer | strftime('%s', 'now')
integer | 0x1F
integer | -(1)
integer | 1 = 1
integer | 'a' < 'b'
integer | not 0
real | -0.0
text | 'a' || 'it''s'
real | julianday('now')
real | round(1.5)
json | json_object('a', 1)
json | json('[1]')
json | json_array(1, 'it''s')
bool | 'yes'
bool | 'f'
varchar(10) | 0.00
varchar(10) | 5
varchar(10) | true
date | date('now')
time | time('now')
xml
interval | '1 day'
hstore
enum('a','b') | 'a'
set('a','b')
bigint unsigned | 1
money | 1.50
text | lower(hex(randomblob(16)))
text | upper(substr('abc', 1, 1)) || substr('abc', 2)
text | ifnull(null, '${x}')
text | replace('a%{b}', '%', '')
text | (1)
integer | (strftime('%s', 'now') * 1000)
integer | length('it''s')
integer | ~1
integer | 1 << 4
integer | instr('abc', 'c')
numeric | -1e-7
`),
	dbmodule.PostgreSQL: sayables(`
numeric | 0.00
numeric | 1.50
numeric | 1e-7
integer | 1.50
bigint | '12'::bigint
bigint | 1::bigint
varchar(10) | 0.00
varchar(10) | 5
varchar(10) | 'a'::varchar
varchar(10) | 'a'::character varying(10)
varchar(10) | 'a' || 'b'
varchar(10) | current_user
varchar(10) | (session_user)
varchar(10) | cast('a' as varchar)
varchar(40) | md5('x')
varchar(10) | concat('a', 'b')
varchar(10) | to_char(1, '9')
varchar(10) | case when true then 'a' else 'b' end
varchar(10) | substring('abc' from 2)
varchar(10) | E'a\tb'
varchar(10) | coalesce(null, 'a')
varchar(10) | ('a') || ('b')
text | 'a' like 'b'
text | 'it''s'::text
text | 'a\''b'
text | U&'\0441'
timestamptz | now() at time zone 'utc'
timestamptz | (now() at time zone 'utc')
timestamptz | now() + interval '1 day'
timestamptz | timezone('utc', now())
timestamptz | transaction_timestamp()
timestamptz | clock_timestamp()
timestamptz | statement_timestamp()
timestamptz | '2024-01-02 03:04:05+02'
timestamptz | '2024-01-02'
timestamptz | 'epoch'
timestamptz | 'infinity'
timestamptz | '2024-01-02 03:04:05+00'::timestamptz
timestamptz | current_timestamp(3)
timestamp without time zone | now() at time zone 'utc'
timestamp without time zone | localtimestamp
timestamp without time zone | localtimestamp(0)
timestamp without time zone | timezone('utc'::text, now())
timestamp(3) without time zone | '2024-01-02 03:04:05.1'
date | now()
date | now()::date
date | current_date + 1
date | 'epoch'
time without time zone | localtime
time(0) without time zone | '03:04'
time with time zone | current_time
time with time zone | '03:04:05+00'
interval | '1 day'
interval | interval '1 day'
interval | '1 day'::interval
interval | '90 minutes'
jsonb | '{}'::jsonb
jsonb | '[]'::jsonb
jsonb | '{"a":1}'::jsonb
jsonb | jsonb_build_object('a', 1)
jsonb | '1.50'
jsonb | 'true'
jsonb | '"x"'
json | '{}'::json
json | json_build_array()
uuid | '00000000-0000-0000-0000-000000000000'::uuid
uuid | '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}'
bit(3) | B'101'
bit(3) | '101'
bit(3) | b'101'
bit varying(5) | B'1'
bit varying(5) | '101'::bit varying
bit(1) | 1::bit(1)
text[] | '{}'
text[] | '{a,b}'
text[] | array['a', 'b']
text[] | ARRAY[]::text[]
integer[] | '{1,2}'
integer[] | array[1, 2]
integer[] | '{}'::integer[]
bytea | '\x0102'
bytea | 'abc'
bytea | decode('00', 'hex')
inet | '10.0.0.1'
inet | '10.0.0.1'::inet
cidr | '10.0.0.0/8'
macaddr | '08:00:2b:01:02:03'
macaddr8 | '08:00:2b:01:02:03:04:05'
money | 1.50
money | '1.50'
bool | 't'
bool | 'yes'
bool | (1 = 1)
bool | not false
bool | 'on'::boolean
point | '(1,2)'
point | point(1, 2)
box | '((0,0),(1,1))'
circle | '<(0,0),1>'
polygon | '((0,0),(1,1))'
int4range | '[1,2)'
int4range | int4range(1, 2)
tstzrange | 'empty'
daterange | daterange(null, null)
tsvector | 'a b'
tsvector | to_tsvector('simple', 'a')
tsquery | 'a & b'
xml | '<a/>'
double precision | 'NaN'::double precision
double precision | 'infinity'::float8
double precision | random()
real | 0.1
oid | 0
"char" | 'c'
varchar(20) collate "C"
varchar(20) collate "C" | 'x'
varchar(20) collate "pg_catalog"."C" | lower('X')
text collate "POSIX"
text COLLATE "ucs_basic" | 'it''s'
text[] collate "C"
varchar(20) collate utf8mb4_bin | 'x'
bpchar | 'c'
name | 'n'
varchar
char
`),
	dbmodule.MySQL: sayables(`
varchar(40) | "plain"
varchar(40) | concat('a', 'b')
varchar(40) | concat(lower('A'), upper('b'))
varchar(40) | md5('x')
varchar(64) | sha2('x', 256)
varchar(40) | uuid()
varchar(40) | substring('abc', 2)
varchar(40) | substr('abc', 2, 1)
varchar(40) | left('abc', 1)
varchar(40) | repeat('a', 3)
varchar(40) | if(1, 'a', 'b')
varchar(40) | ifnull(null, 'a')
varchar(40) | coalesce(null, 'a')
varchar(40) | case when 1 then 'a' else 'b' end
varchar(40) | current_user()
varchar(40) | database()
varchar(40) | cast(1 as char)
varchar(40) | date_format(now(), '%Y')
varchar(40) | hex(255)
varchar(40) | 0.00
varchar(40) | 5
varchar(40) | true
varchar(40) | lcase('A')
varchar(40) | ucase('a')
varchar(40) | char_length('abc')
varchar(20) collate utf8mb4_bin | 'x'
varchar(20) collate utf8mb4_bin | lower('X')
varchar(20) collate "utf8mb4_bin"
varchar(20) collate "C" | 'x'
text | concat('a', 'b')
text | 'back\\slash'
text | uuid()
tinytext | 'x'
mediumtext | 'x'
int | 1.50
int | 1e1
int | floor(1.5)
int | 1 = 1
int | not 0
int | 5 div 2
int | 5 mod 2
int | 5 % 2
int | unix_timestamp()
int | rand() * 10
int | 0x1F
int | char_length('abc')
bigint unsigned | 18446744073709551615
int unsigned | 7
tinyint(1) | 1
tinyint(1) | 0
tinyint | 1
tinyint unsigned | 255
mediumint | -1
smallint unsigned | 1
decimal(10,2) unsigned | 0.00
decimal(10,2) unsigned | 1.50
double | 1e3
double | pi()
double | 0.10
date | curdate()
date | (current_date)
date | current_date()
date | '2024-1-2'
date | curdate() + interval 1 day
date | date_add(current_date, interval 1 day)
datetime | '2024-01-02'
datetime | '2024-01-02T03:04:05'
datetime | current_timestamp(6)
datetime(3) | now(3)
datetime(3) | '2024-01-02 03:04:05.1'
datetime(0) | now()
datetime(0) | '2024-01-02 03:04:05'
datetime | now() + interval 1 hour
datetime | utc_timestamp()
datetime | localtimestamp
datetime | localtime
datetime | sysdate()
time | '03:04'
time | '3:4:5'
time | 30405
time | curtime()
time | current_time
time(0) | '03:04:05'
time | maketime(1, 2, 3)
year | '2024'
year | 2024
year | year(now())
json | json_object()
json | json_object('a', 1)
json | json_array(1, 2)
enum('x','y') | 'x'
enum('it''s','y,z') | 'y,z'
set('a','b') | 'a,b'
set('a','b') | ''
bit(1) | b'1'
bit(3) | b'101'
bit(8) | 5
bit(8) | 0x05
binary(4) | 'abcd'
binary(2) | 0x4142
varbinary(8) | 'x'
varbinary(8) | unhex('41')
blob | 'x'
blob | unhex('41')
char(36) | uuid()
char(3) | 'ab '
char
varchar
geometry
point
`),
}
