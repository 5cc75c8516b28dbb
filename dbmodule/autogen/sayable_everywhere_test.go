package autogen_test

// everywhere are the columns that every engine has.
var everywhere = sayables(`
varchar(40) | 'plain'
varchar(40) | ''
varchar(40) | ' '
varchar(40) | 'it''s'
varchar(40) | ''''
varchar(40) | '''quoted'''
varchar(40) | '"double"'
varchar(40) | 'back\\slash'
varchar(40) | 'percent %d %% ${x} %{y}'
varchar(40) | '0'
varchar(40) | '0.00'
varchar(40) | '1e3'
varchar(40) | '0x41'
varchar(40) | 'x''41'''
varchar(40) | 'true'
varchar(40) | 'null'
varchar(40) | 'now()'
varchar(40) | '(x)'
varchar(40) | '日本 größe'
varchar(40) | 'a;b'
varchar(40) | '-- c'
varchar(40) | '/* c */'
varchar(40) | lower('A')
varchar(40) | upper('a')
varchar(40) | (lower('A'))
varchar(40) | trim('  a ')
varchar(40) | replace('abc', 'b', 'x')
varchar(40) | null
char(3) | 'abc'
text | 'long'
text | ''
text | 'it''s long'
text | '1.50'
bigint | 0
bigint | -0
bigint | +5
bigint | 007
bigint | -9223372036854775808
bigint | 9223372036854775807
bigint | (5)
bigint | 1 + 2
bigint | (1 + 2) * (3 + 4)
bigint | abs(-3)
integer | '7'
integer | -1
integer | 2147483647
integer | null
smallint | 12
smallint | -32768
bool | true
bool | false
bool | 1
bool | 0
bool | 'true'
boolean | TRUE
numeric(10,2) | 0
numeric(10,2) | 0.00
numeric(10,2) | 1.50
numeric(10,2) | .5
numeric(10,2) | +.5
numeric(10,2) | -.50
numeric(10,2) | 5.
numeric(10,2) | 007
numeric(10,2) | 1e3
numeric(10,2) | 1E+3
numeric(10,2) | 12345678.90
numeric(10,2) | '2.50'
numeric(20,10) | 1e-7
numeric(20,10) | 0.0000001
numeric(20,10) | 3.1415926535
decimal(8,4) | -0.0001
numeric(38,0) | 12345678901234567890123456789012345678
numeric(30,10) | 1234567890123456789.0123456789
numeric(5) | 1
double precision | 0
double precision | 0.0
double precision | 0.1
double precision | 1e100
double precision | 1e-100
double precision | 1.7976931348623157e308
double precision | -2.5E-60
double precision | 3.141592653589793
double precision | 123456789.125
real | 0.5
real | 1e3
timestamptz | current_timestamp
timestamptz | CURRENT_TIMESTAMP
timestamptz | now()
timestamptz | '2024-01-02 03:04:05'
timestamptz | '2024-01-02 03:04:05.678'
timestamp | current_timestamp
timestamp | '2024-01-02 03:04:05'
datetime | now()
date | '2024-01-02'
date | current_date
time | '03:04:05'
uuid | gen_random_uuid()
uuid | 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'
uuid | 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
json | '{}'
json | '[]'
json | '{"a":1}'
json | '{"a": [1, 2.50], "b": "it''s"}'
json | 'null'
jsonb | '{"b":1,"a":2}'
blob
bytea
varbinary(16)
double
float
float(24)
longtext
mediumtext
tinytext
clob
nvarchar(20)
int2
int4
int8
float4
float8
timetz
timestamp(3) with time zone
timestamp without time zone
timestamp(0)
time(3)
inet
cidr
macaddr
bigint[]
text[]
tinyint
mediumint
int unsigned
smallint unsigned
tinyint unsigned
character varying(7)
character(7)
datetime(3)
dec(6,3)
`)
