package sqltext

import "strings"

// harmless are the built-in functions that change no settings, and keywords that can stand
// before a bracket.
var harmless = func() map[string]bool {
	all := make(map[string]bool)
	for _, name := range strings.Fields(harmlessNames) {
		all[name] = true
	}
	return all
}()

const harmlessNames = `
	select from join where in any some all and or not values row exists on by using is between like ilike having when then else case
	distinct union except intersect limit offset returning set over filter within partition order group array interval returns default
	lateral key conflict index unique primary check references cube rollup sets explain analyze if as end similar glob regexp rlike match
	byte against force ignore use straight_join duplicate

	varchar char character varying numeric decimal float bit varbit timestamp timestamptz time timetz date datetime binary varbinary int integer bigint smallint

	count sum avg min max every bool_and bool_or bit_and bit_or array_agg string_agg group_concat json_agg jsonb_agg json_object_agg
	jsonb_object_agg json_arrayagg json_objectagg xmlagg corr covar_pop covar_samp regr_slope stddev stddev_pop stddev_samp variance var_pop var_samp
	mode percentile_cont percentile_disc grouping std
	row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value

	coalesce nullif greatest least ifnull isnull nvl cast convert try_cast

	lower upper length char_length character_length octet_length bit_length concat concat_ws format initcap left right lpad rpad ltrim rtrim
	btrim trim substr substring substring_index position strpos instr locate replace translate repeat reverse split_part regexp_replace
	regexp_match regexp_matches regexp_split_to_table regexp_split_to_array regexp_like regexp_substr regexp_instr overlay ascii chr
	quote quote_ident quote_literal quote_nullable starts_with to_hex encode decode md5 sha1 sha2 sha224 sha256 sha384 sha512 crc32 hex unhex
	elt field find_in_set insert mid space strcmp soundex to_base64 from_base64 normalize ord string_to_array string_to_table similarity

	abs ceil ceiling floor round trunc truncate sign sqrt cbrt exp ln log log10 log2 power pow mod div gcd lcm pi random rand degrees radians
	sin cos tan asin acos atan atan2 width_bucket bit_count conv

	now current_timestamp current_date current_time localtime localtimestamp transaction_timestamp statement_timestamp clock_timestamp timeofday
	date_trunc date_part date_bin extract age make_date make_time make_timestamp make_timestamptz make_interval justify_days justify_hours
	justify_interval isfinite to_char to_date to_timestamp to_number timezone curdate curtime sysdate utc_date utc_time utc_timestamp unix_timestamp
	from_unixtime date_add date_sub adddate subdate addtime subtime datediff timediff timestampdiff timestampadd date_format time_format
	str_to_date day dayname dayofmonth dayofweek dayofyear hour minute month monthname quarter second microsecond week weekday weekofyear year
	yearweek last_day makedate maketime period_add period_diff sec_to_time time_to_sec to_days from_days to_seconds convert_tz

	json_build_object jsonb_build_object json_build_array jsonb_build_array json_object jsonb_object to_json to_jsonb row_to_json array_to_json
	json_array_length jsonb_array_length json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text json_each
	jsonb_each json_each_text jsonb_each_text json_extract_path jsonb_extract_path json_extract_path_text jsonb_extract_path_text
	json_object_keys jsonb_object_keys json_populate_record jsonb_populate_record json_to_record jsonb_to_record json_to_recordset
	jsonb_to_recordset json_typeof jsonb_typeof jsonb_set jsonb_set_lax jsonb_insert jsonb_pretty json_strip_nulls jsonb_strip_nulls
	jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first json_extract json_value json_query
	json_unquote json_quote json_contains json_contains_path json_set json_insert json_replace json_remove json_array json_array_append
	json_array_insert json_merge json_merge_patch json_merge_preserve json_keys json_length json_depth json_type json_valid json_search json_table
	json_exists json_overlaps json_compact json_detailed json_loose json_equals json_normalize

	array_append array_prepend array_cat array_length array_lower array_upper array_ndims array_dims array_position array_positions array_remove
	array_replace array_to_string array_fill cardinality unnest generate_series generate_subscripts int4range int8range numrange tsrange tstzrange
	daterange lower_inc upper_inc lower_inf upper_inf isempty range_merge

	to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_rank ts_rank_cd ts_headline setweight strip numnode
	gen_random_uuid uuid uuid_short uuid_generate_v4 uuidv4 uuidv7 nextval currval lastval setval last_insert_id found_rows row_count connection_id sys_guid

	pg_backend_pid pg_sleep sleep pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
	pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared release_lock release_all_locks
	is_free_lock is_used_lock current_setting current_database current_schema current_schemas current_user session_user user database schema version
	pg_is_in_recovery pg_current_wal_lsn pg_current_wal_insert_lsn pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
	pg_wal_lsn_diff pg_notify pg_table_size pg_total_relation_size pg_relation_size pg_database_size pg_size_pretty pg_get_expr pg_get_indexdef
	pg_get_constraintdef pg_get_viewdef pg_get_functiondef pg_get_triggerdef pg_get_serial_sequence pg_get_userbyid pg_typeof col_description
	obj_description format_type to_regclass to_regtype to_regproc pg_table_is_visible has_table_privilege has_schema_privilege
	pg_terminate_backend pg_cancel_backend pg_blocking_pids txid_current pg_current_xact_id pg_postmaster_start_time pg_export_snapshot
	inet_client_addr pg_column_size pg_relation_filenode pg_encoding_to_char pg_control_system pg_stat_get_activity
	benchmark charset collation coercibility inet_aton inet_ntoa inet6_aton inet6_ntoa is_uuid uuid_to_bin bin_to_uuid any_value host network masklen
`
