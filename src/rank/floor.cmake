file(GLOB recipes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/recipes/*.yaml)
dear_embed(dear_rank recipes ${recipes})
