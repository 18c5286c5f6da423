# SQL over a trace: the index in SQLite, the events as virtual tables.
# Goes in: schemas/index.sql. Comes out: index_sql.inc, the same text as a C++ string.
set(index_sql ${PROJECT_SOURCE_DIR}/schemas/index.sql)
file(READ ${index_sql} CKPT_INDEX_SQL)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/trace/store/index_sql.inc @ONLY
  CONTENT "// Made from schemas/index.sql by trace/store/sql.cmake.\nR\"sql(@CKPT_INDEX_SQL@)sql\"\n")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${index_sql})

add_library(trace_sql STATIC index.cc index_rows.cc sql.cc sql_table.cc sql_source.cc
  sql_filter.cc sql_columns.cc sql_print.cc)
target_sources(trace_sql PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES index.h sql.h sql_print.h)
target_link_libraries(trace_sql PUBLIC trace_base trace_model trace_store PRIVATE SQLite::SQLite3)
