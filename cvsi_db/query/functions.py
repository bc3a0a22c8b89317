"""What the SQL of a statement may use, by the engine's (DuckDB's) names; whatever is not listed is refused.

Nothing here reaches outside, tells of the engine, sleeps, or makes much of little as `repeat` and `range` do.
"""

from __future__ import annotations

_AGGREGATES = """
any_value approx_count_distinct approx_quantile arbitrary arg_max arg_min argmax argmin array_agg avg bit_and bit_or
bit_xor bool_and bool_or corr count count_if count_star countif covar_pop covar_samp entropy favg first fsum geomean
group_concat histogram kurtosis last list listagg mad max max_by mean median min min_by mode product quantile
quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy
skewness stddev stddev_pop stddev_samp string_agg sum sumkahan var_pop var_samp variance
"""

_OPERATORS = "! != !~~ !~~* % & && * ** + - / // < << <= <> <@ = > >= >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ xor"

_WINDOWS = """
cume_dist dense_rank first_value fill lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
"""

_NUMBERS = """
abs acos add asin atan atan2 cbrt ceil ceiling cos cot degrees divide equi_width_bins even exp floor fmod gcd greatest
isfinite isinf isnan lcm least ln log log10 log2 mod multiply pi pow power radians round sign signbit sin sqrt subtract
tan trunc
"""

_TEXTS = """
ascii bit_length chr concat concat_ws contains ends_with hash ilike_escape instr lcase left len length length_grapheme
like_escape lower ltrim md5 nfc_normalize not_ilike_escape not_like_escape octet_length ord parse_dirname parse_dirpath
parse_filename parse_path position prefix regexp_extract regexp_extract_all regexp_full_match regexp_matches
regexp_split_to_array replace reverse right rtrim sha256 split split_part starts_with str_split str_split_regex
string_split string_split_regex string_to_array strip_accents strlen strpos substr substring suffix translate trim ucase
unicode upper
"""

_TIMES = """
age century current_date current_localtimestamp current_timestamp date_add date_diff date_part date_sub date_trunc
datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch epoch_ms epoch_ns epoch_us
era get_current_timestamp hour isodow isoyear julian last_day make_date make_time make_timestamp microsecond millennium
millisecond minute month monthname now quarter second strftime strptime time_bucket timezone to_centuries to_days
to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds
to_timestamp to_weeks to_years today try_strptime week weekday weekofyear year yearweek
"""

_LISTS = """
array_concat array_contains array_distinct array_extract array_has array_has_all array_has_any array_indexof
array_intersect array_length array_position array_reverse array_reverse_sort array_slice array_sort array_to_string
array_unique cardinality element_at flatten list_any_value list_avg list_cat list_concat list_contains list_count
list_distinct list_element list_extract list_first list_has list_has_all list_has_any list_indexof list_intersect
list_last list_max list_median list_min list_mode list_pack list_position list_reverse list_reverse_sort list_slice
list_sort list_sum list_unique list_value map map_entries map_extract map_keys map_values row struct_extract
struct_extract_at struct_pack unnest
"""

_OTHERS = "coalesce constant_or_null error if ifnull nullif typeof"

_KINDS = """
BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION OPERATOR POSITIONAL_REFERENCE STAR
SUBQUERY TYPE WINDOW SELECT_NODE SET_OPERATION_NODE CTE_NODE BASE_TABLE EMPTY EMPTY_TABLE EXPRESSION_LIST JOIN
TABLE_FUNCTION DISTINCT_MODIFIER LIMIT_MODIFIER ORDER_MODIFIER ASCENDING DESCENDING ORDER_DEFAULT INVALID
"""

AGGREGATES = frozenset(_AGGREGATES.split())
"""The functions that make one value of many rows."""

FUNCTIONS = AGGREGATES.union(
    *(names.split() for names in (_OPERATORS, _WINDOWS, _NUMBERS, _TEXTS, _TIMES, _LISTS, _OTHERS))
)
"""All functions and operators."""

KINDS = frozenset(_KINDS.split())
"""The classes of expressions, and the types of everything else in a statement."""
